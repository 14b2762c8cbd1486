"""Files that are brought to the disk later: all of them, whatever happens to them meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.store import later_sync
from understudy.store.later_sync import LaterSync

NEVER_S = 3600.0


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was synced, in order."""
    names: list[str] = []
    fsync = os.fsync

    def remember(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(later_sync.os, "fsync", remember)
    return names


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "session_1"
    (folder / "screenshots").mkdir(parents=True)
    (folder / "trace.jsonl").write_text("{}\n")
    (folder / "screenshots" / "step_01_before_action.png").write_bytes(b"png")
    return folder


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name what is synced")
def test_everything_in_the_folder_is_synced_and_the_folders_too(
    synced: list[str], session: Path
) -> None:
    later = LaterSync(NEVER_S)
    later.add(session)
    assert synced == []
    later.close()
    assert set(synced) >= {
        "trace.jsonl",
        "step_01_before_action.png",
        "screenshots",
        "session_1",
        session.parent.name,
    }


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name what is synced")
def test_what_was_synced_is_not_synced_again(synced: list[str], session: Path) -> None:
    later = LaterSync(NEVER_S)
    later.add(session)
    later.flush()
    count = len(synced)
    later.close()
    assert len(synced) == count


def test_a_folder_that_is_gone_stops_nothing(session: Path, tmp_path: Path) -> None:
    later = LaterSync(NEVER_S)
    later.add(tmp_path / "forgotten")
    later.add(session)
    later.close()


def test_it_can_be_used_again_after_it_was_closed(session: Path) -> None:
    later = LaterSync(NEVER_S)
    for _ in range(2):
        later.add(session)
        later.close()


def test_a_program_that_ends_without_closing_it_ends_all_the_same(session: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from understudy.store.later_sync import LaterSync\n"
        f"LaterSync({NEVER_S}).add(Path({str(session)!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
