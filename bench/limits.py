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
import pyarrow as pa

from bench.driver import WARM_UP, Task, main
from bench.examples import array_of, example
from bench.measure import Figures, summary, timed, timed_calls
from bench.workloads import make_pixel, make_state
from understudy.session.frames.layout import RowLayout

ROWS = 20_000
BLOCK_ROWS = 34  # of 1,916 bytes: what a session collects before it writes


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


def pack_arrow(task: Task) -> Figures:
    """Blocks of state frames as one Arrow stream of record batches, compressed by Arrow itself."""
    work = make_state(task.count)
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))
    widths = {"state": 128, "action": 31, "objects": 320}
    schema = pa.schema([(name, pa.list_(pa.float32(), width)) for name, width in widths.items()])
    rows = task.count // BLOCK_ROWS * BLOCK_ROWS
    sink = pa.BufferOutputStream()
    begin = time.perf_counter_ns()
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        for start in range(0, rows, BLOCK_ROWS):
            columns = []
            for name, width in widths.items():
                flat = pa.array(work[name][start : start + BLOCK_ROWS].reshape(-1))
                columns.append(pa.FixedSizeListArray.from_arrays(flat, width))
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    spent = time.perf_counter_ns() - begin
    return {"bytes_per_frame": sink.getvalue().size / rows, "us_per_frame": spent / rows / 1e3}


def pack_ours(task: Task) -> Figures:
    """The same blocks as a session packs them."""
    work = make_state(task.count)
    layout = RowLayout()
    for name in ("state", "action", "objects"):
        layout = layout.with_field(name, work[name].dtype, work[name].shape[1:])
    rows = np.zeros(task.count, layout.dtype)
    for name in ("state", "action", "objects"):
        rows[name] = work[name]
    count = task.count // BLOCK_ROWS * BLOCK_ROWS
    size = 0
    begin = time.perf_counter_ns()
    for start in range(0, count, BLOCK_ROWS):
        size += len(layout.pack(rows[start : start + BLOCK_ROWS]))
    spent = time.perf_counter_ns() - begin
    return {"bytes_per_frame": size / count, "us_per_frame": spent / count / 1e3}


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
            "pack-arrow": pack_arrow,
            "pack-ours": pack_ours,
            "read": read,
            "append": append,
            "append-synced": append_synced,
        }
    )
