"""A game that records until it is killed; run as a program by the kill tests.

It tells its parent through a shared file: the last acknowledged step and chat, and the last frame
handed over with the wall clock at that moment.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

import numpy as np

import understudy

PROGRESS = struct.Struct("<qqqq")
"""Acknowledged lines, frames handed over, wall clock of the last frame, snapshots taken."""


def main(workspace: str, progress: str, mode: str) -> None:
    with open(progress, "r+b") as file, mmap.mmap(file.fileno(), PROGRESS.size) as shared:
        ws = understudy.Workspace(workspace)
        session = ws.record(game="kill-test", task=mode, player="script")
        lines = frames = 0
        state = np.arange(64, dtype=np.float32)
        picture = np.zeros((36, 40, 3), np.uint8)
        Path(progress).with_suffix(".id").write_text(session.id)
        while True:
            if mode in ("frames", "both"):
                for _ in range(10):
                    state += 0.25
                    picture[frames % 36, frames % 40] = frames % 251
                    session.frame(tick=frames, state=state, reward=0.5, image=picture)
                    frames += 1
                    PROGRESS.pack_into(shared, 0, lines, frames, time.time_ns(), 0)
                time.sleep(0.004)
            if mode in ("steps", "both"):
                stored = session.step(
                    action="press_a", observation=f"screen {lines}", screenshot=picture
                )
                assert stored
                lines += 1
                stored = session.chat(
                    messages=[{"role": "user", "content": f"line {lines} " * 40}],
                    response={"role": "assistant", "content": "I see."},
                )
                assert stored
                lines += 1
                PROGRESS.pack_into(shared, 0, lines, frames, time.time_ns(), 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
