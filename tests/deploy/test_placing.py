"""The swap in an app's folder: whenever it is cut off, a whole bundle lies there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from understudy.deploy import placing
from understudy.deploy.placing import place_folder
from understudy.errors import StorageError

SWAPPING = """
import itertools, sys
from pathlib import Path
from understudy.deploy.placing import place_folder
one, other, target = map(Path, sys.argv[1:])
for source in itertools.cycle((one, other)):
    place_folder(source, target)
    print(".", flush=True)
"""


def filled(folder: Path, text: str) -> Path:
    (folder / "deeper").mkdir(parents=True)
    for number in range(4):
        (folder / f"file{number}").write_text(text * 1000)
    (folder / "deeper" / "file").write_text(text)
    return folder


def content(folder: Path) -> set[str]:
    return {path.read_text()[0] for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_deployment_killed_at_any_moment_leaves_a_whole_bundle(tmp_path):
    one, other = filled(tmp_path / "one", "1"), filled(tmp_path / "other", "2")
    target = tmp_path / "app" / "assets" / "models" / "dm"
    place_folder(one, target)
    for kill in range(12):
        with subprocess.Popen(
            [sys.executable, "-c", SWAPPING, one, other, target], stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            moment = time.monotonic() + kill * 0.0017
            while time.monotonic() < moment:
                pass
            process.send_signal(signal.SIGKILL)
        files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
        assert files == ["deeper/file", "file0", "file1", "file2", "file3"]
        assert len(content(target)) == 1
    place_folder(other, target)
    assert content(target) == {"2"}
    assert [path.name for path in target.parent.iterdir()] == ["dm"]


def test_where_folders_cannot_be_exchanged_the_old_one_is_moved_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(placing, "_exchanged", lambda one, other: False)
    one, other = filled(tmp_path / "one", "1"), filled(tmp_path / "other", "2")
    target = tmp_path / "models" / "dm"
    for source, expected in ((one, "1"), (other, "2")):
        place_folder(source, target)
        assert content(target) == {expected}
    assert [path.name for path in target.parent.iterdir()] == ["dm"]


def test_an_old_one_that_a_kill_left_aside_is_moved_back_first(tmp_path, monkeypatch):
    target = tmp_path / "models" / "dm"
    filled(tmp_path / "models" / ".dm.old", "1")
    with pytest.raises(StorageError):
        place_folder(tmp_path / "not there", target)
    assert content(target) == {"1"}


def test_a_copy_that_fails_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    target = tmp_path / "models" / "dm"
    place_folder(filled(tmp_path / "one", "1"), target)

    def full(*_, **__):
        raise OSError(28, "No space left on device", "file")

    monkeypatch.setattr(placing.shutil, "copytree", full)
    with pytest.raises(StorageError, match="no space left"):
        place_folder(filled(tmp_path / "other", "2"), target)
    assert content(target) == {"1"}
    assert [path.name for path in target.parent.iterdir()] == ["dm"]
