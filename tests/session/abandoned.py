"""A session as a killed recorder leaves it: made by a process that kills itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import understudy
from understudy.session.recording.recorder import SessionRecorder


def record_a_little(recorder: SessionRecorder, frames: int = 12) -> None:
    """A few steps, chats, frames and images."""
    picture = np.zeros((16, 20, 3), np.uint8)
    for number in range(frames):
        picture[number % 16, number % 20] = number % 251
        recorder.frame(tick=number, state=np.full(8, number, np.float32), image=picture)
        if number % 4 == 0:
            recorder.step(action="press_a", observation=f"screen {number}", screenshot=picture)
            recorder.chat(
                messages=[{"role": "user", "content": f"turn {number}"}],
                response={"role": "assistant", "content": "So it is."},
            )


def abandon_session(workspace: Path, frames: int = 12) -> str:
    """Record in another process, which kills itself when all is stored; the session's id."""
    child = subprocess.run(
        [sys.executable, __file__, str(workspace), str(frames)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    return child.stdout.strip()


def main(workspace: str, frames: str) -> None:
    recorder = understudy.Workspace(workspace).record(game="torn", task="be killed")
    record_a_little(recorder, int(frames))
    while recorder.counters.pending:
        time.sleep(0.01)
    print(recorder.id, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
