"""A recorder killed with SIGKILL at any moment: what was acknowledged is there."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.session.abandoned import abandon_session
from tests.session.recording_child import PROGRESS

import understudy
from understudy.session.steps import AgentStep, ChatStep
from understudy.session.verify import verify

CHILD = Path(__file__).with_name("recording_child.py")
MODES = ("frames", "steps", "both")
MOST_LOST_NS = 1_000_000_000


def record_and_kill(workspace: Path, mode: str, moment: random.Random) -> tuple[str, int, int, int]:
    """Run a recording game, kill it, and tell its session and what it had been promised."""
    progress = workspace.with_suffix(".progress")
    progress.write_bytes(bytes(PROGRESS.size))
    progress.with_suffix(".id").unlink(missing_ok=True)
    child = subprocess.Popen([sys.executable, str(CHILD), str(workspace), str(progress), mode])
    try:
        while PROGRESS.unpack(progress.read_bytes()) == (0, 0, 0, 0):
            assert child.poll() is None, "the game ended by itself"
            time.sleep(0.01)
        time.sleep(moment.uniform(0.0, 1.2))
    finally:
        child.kill()
        child.wait()
    lines, frames, wall_ns, _ = PROGRESS.unpack(progress.read_bytes())
    return progress.with_suffix(".id").read_text(), lines, frames, wall_ns


def check_what_is_left(workspace: Path, identity: str, lines: int, frames: int, wall: int) -> None:
    with understudy.Workspace(workspace) as ws:
        session = ws.session(identity)
        assert session.status == "killed"
        kept = [line for line in session.trace() if isinstance(line, AgentStep | ChatStep)]
        assert len(kept) >= lines, f"{lines} lines were acknowledged and {len(kept)} are there"
        assert [line.n for line in kept] == list(range(1, len(kept) + 1))
        for line in kept:
            if isinstance(line, AgentStep):
                assert line.screenshot is not None
                assert (session.path / line.screenshot).read_bytes().startswith(b"\x89PNG")
        if frames:
            table = session.frames()
            ticks = table.column("tick").to_pylist()
            assert ticks == list(range(len(ticks)))
            last = table.column("wall_ns")[-1].as_py() if ticks else 0
            if len(ticks) < frames and ticks:
                assert wall - last <= MOST_LOST_NS, "more than a second of frames is gone"
            for tick in ticks[:: max(1, len(ticks) // 50)]:
                shown = table.column("image")[tick].as_py()
                picture = session.image(shown)
                assert picture[tick % 36, tick % 40].tolist() == [tick % 251] * 3
        assert verify(session.path) == []
        session.close()
        sealed = ws.seal_killed(identity)
        assert sealed.sealed
        assert verify(sealed.path) == []
        if frames:
            assert sealed.frames().column("tick").to_pylist() == ticks
        sealed.close()


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(20))
def test_nothing_acknowledged_is_lost_when_the_recorder_is_killed(
    tmp_path: Path, attempt: int
) -> None:
    moment = random.Random(attempt)
    told = record_and_kill(tmp_path / "ws", MODES[attempt % len(MODES)], moment)
    check_what_is_left(tmp_path / "ws", *told)


@pytest.mark.long
def test_two_hundred_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    for attempt in range(200):
        moment = random.Random(1_000 + attempt)
        told = record_and_kill(tmp_path / "ws", MODES[attempt % len(MODES)], moment)
        check_what_is_left(tmp_path / "ws", *told)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trace.jsonl", "frames.blocks", "images.blocks"])
def test_a_tail_torn_at_any_byte_is_cut_back_to_the_last_whole_record(
    tmp_path: Path, name: str
) -> None:
    # Given a session whose recorder was killed
    identity = abandon_session(tmp_path / "ws")
    with understudy.Workspace(tmp_path / "ws") as ws:
        folder = ws.runs / ws.find(identity).directory
        whole = (folder / name).read_bytes()
        before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        for cut in np.unique(np.linspace(1, len(whole) - 1, 60, dtype=int)).tolist():
            for other, data in before.items():
                (folder / other).write_bytes(data)
            # When its last write was torn at this byte
            (folder / name).write_bytes(whole[:cut])
            session = ws.session(identity)
            # Then it opens, holds only whole records, and says what it cut
            assert verify(folder) == []
            kept = (folder / name).stat().st_size
            assert kept <= cut or name == "trace.jsonl"
            if session.repaired:
                assert any(name in sentence for sentence in session.repaired)
                events = [line for line in session.trace() if line.n and hasattr(line, "kind")]
                assert events[-1].facts["cut"] == list(session.repaired)
            session.close()
