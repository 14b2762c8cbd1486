"""The bare limits: what the same work costs with nothing around it.

A memory copy (nobody can hand a frame over for less and keep it), a plain write, and plainly
reading a file back.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np

from bench.driver import WARM_UP, Task, main
from bench.examples import array_of, example
from bench.measure import Figures, summary, timed, timed_calls
from bench.workloads import make_pixel, make_state

ROWS = 20_000


def copy_state(task: Task) -> Figures:
    """Copy state, action and objects of each frame into memory that is there already."""
    rows = min(task.count + WARM_UP, ROWS)
    work = make_state(rows)
    parts = [list(work[name]) for name in ("state", "action", "objects")]
    kept = [np.empty((64, *part[0].shape), np.float32) for part in parts]
    for target in kept:
        target[:] = 0

    def call(i: int) -> None:
        kept[0][i % 64] = parts[0][i % rows]
        kept[1][i % 64] = parts[1][i % rows]
        kept[2][i % 64] = parts[2][i % rows]

    timed_calls(call, WARM_UP)
    return summary(timed_calls(call, task.count, hz=task.hz))


def copy_pixels(task: Task) -> Figures:
    """Copy each picture into memory that is there already."""
    frames = make_pixel(min(task.count + WARM_UP, 1000))["frames"]
    kept = np.zeros((64, *frames[0].shape), np.uint8)

    def call(i: int) -> None:
        kept[i % 64] = frames[i % len(frames)]

    timed_calls(call, WARM_UP)
    return summary(timed_calls(call, task.count, hz=task.hz))


def write_state(task: Task) -> Figures:
    """Write the raw numbers of each frame to one file and close it."""
    work = make_state(ROWS)
    flat = np.concatenate([work["state"], work["action"], work["objects"].reshape(ROWS, -1)], 1)
    return _write(task, [row.tobytes() for row in flat])


def write_pixels(task: Task) -> Figures:
    """Write the raw picture of each frame to one file and close it."""
    frames = make_pixel(min(task.count, 1000))["frames"]
    return _write(task, [frame.tobytes() for frame in frames])


def _write(task: Task, rows: list[bytes]) -> Figures:
    begin = time.perf_counter_ns()
    with open(task.folder / "plain", "wb", buffering=0) as file:
        write = file.write
        for i in range(task.count):
            write(rows[i % len(rows)])
    spent = time.perf_counter_ns() - begin
    return {"frames_per_s": task.count / spent * 1e9, "bytes_per_frame": len(rows[0])}


def append(task: Task) -> Figures:
    """Overwrite the closing bracket of an array file with bytes that are ready, no questions."""
    return _append(task, sync=False)


def append_synced(task: Task) -> Figures:
    """The same with an fsync each time."""
    return _append(task, sync=True)


def _append(task: Task, *, sync: bool) -> Figures:
    path = array_of(task.folder, task.count)
    text = b",\n" + json.dumps(example(), indent=2, ensure_ascii=False).encode() + b"\n]"
    with open(path, "r+b", buffering=0) as file:

        def call(i: int) -> None:
            file.seek(-2, os.SEEK_END)
            file.write(text)
            if sync:
                os.fsync(file.fileno())

        timed_calls(call, 10)
        return summary(timed_calls(call, 100))


def read(task: Task) -> Figures:
    """Read every byte of a folder's files once."""
    files = [path for path in task.folder.rglob("*") if path.is_file()]
    return {"seconds": timed(lambda: [Path(path).read_bytes() for path in files]) / 1e9}


if __name__ == "__main__":
    main(
        {
            "frames": copy_state,
            "pixels": copy_pixels,
            "write-frames": write_state,
            "write-pixels": write_pixels,
            "read": read,
            "append": append,
            "append-synced": append_synced,
        }
    )
