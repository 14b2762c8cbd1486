"""A session in a folder that cannot be written to can still be read."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import understudy
from understudy.session.views import METADATA_NAME


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may pass through, and the test as an ordinary user at its end."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no users as on Unix")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    is_root = os.geteuid() == 0
    yield folder
    if is_root:
        os.seteuid(0)
    for path in folder.rglob("*"):
        path.chmod(0o777)
    shutil.rmtree(folder)


def test_what_a_kill_left_is_read_where_it_cannot_be_put_right(place: Path) -> None:
    # Given a session whose views a kill left unwritten, in a folder that may only be read
    with understudy.Workspace(place / "ws") as ws:
        with ws.record(game="tavern") as recorder:
            recorder.step(action="look")
        assert len(list(ws.session(recorder.id).trace())) == 1
    (recorder.path / METADATA_NAME).unlink()
    for path in [place / "ws", *(place / "ws").rglob("*")]:
        path.chmod(0o777)
    recorder.path.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)
    # When it is opened, then it can be read
    with understudy.Workspace(place / "ws") as ws:
        session = ws.session(recorder.id)
        assert [step.action for step in session.trace()] == ["look"]
        assert not (recorder.path / METADATA_NAME).exists()
