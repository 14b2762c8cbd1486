"""Sealing, archiving, forgetting and the like, killed before each change they make to a file."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.session.abandoned import abandon_session
from tests.session.killing import SCENES, SECRET

import understudy
from understudy.store.manifest import Manifest, Parent, write_manifest
from understudy.store.ulids import new_ulid

KILLING = Path(__file__).with_name("killing.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, which this system cannot")


def record(ws: understudy.Workspace) -> str:
    """A chat that names somebody, three frames, a picture, two opinions."""
    with ws.record(game="tavern", name=f"Looking for {SECRET}") as recorder:
        for question in (f"Is {SECRET} here?", "Who else?"):
            recorder.chat(
                messages=[{"role": "user", "content": question}],
                response={"role": "assistant", "content": "Nobody."},
            )
        for number in range(3):
            recorder.frame(state=np.float32(number), image=np.full((4, 4, 3), number, np.uint8))
    session = ws.session(recorder.id)
    session.add_feedback(score=7, author="human:ann", comment=f"{SECRET} is a nice touch")
    session.add_feedback(score=3, author="human:ben")
    session.close()
    return recorder.id


def prepare(place: Path, scene: str) -> Path:
    if scene == "seal":
        abandon_session(place / "prepared")
        return place / "prepared"
    with understudy.Workspace(place / "prepared") as ws:
        if scene != "merge":
            identity = record(ws)
        if scene == "restore":
            ws.archive_session(identity)
        if scene == "forget":
            folder = ws.datasets / "tavern" / "v0001"
            folder.mkdir(parents=True)
            write_manifest(
                folder,
                Manifest(
                    kind="dataset",
                    id=new_ulid(),
                    name="tavern",
                    version="v0001",
                    parents=[Parent(kind="session", id=identity)],
                ),
            )
        if scene == "mask":
            settings = f'schema = 1\n[mask]\nwords = ["{SECRET}"]\n'
            (ws.path / "understudy.toml").write_text(settings)
    if scene == "merge":
        with understudy.Workspace(place / "other") as other:
            for _ in range(3):
                identity = record(other)
            other.archive_session(identity)
    return place / "prepared"


def kill(tmp_path: Path, scene: str, every: int) -> int:
    """How many kills there were; fails when one of them left something that cannot be finished."""
    prepared = prepare(tmp_path, scene)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, str(KILLING), scene, str(prepared), str(scratch), str(every)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_a_kill_leaves_what_can_be_opened_and_finished(tmp_path: Path, scene: str) -> None:
    assert kill(tmp_path, scene, every=4) > 3


@pytest.mark.long
@pytest.mark.parametrize("scene", SCENES)
def test_a_kill_before_any_change_leaves_what_can_be_opened_and_finished(
    tmp_path: Path, scene: str
) -> None:
    assert kill(tmp_path, scene, every=1) > 10
