"""A NumPy memory map with room for all frames made beforehand: the least a recorder can do."""

from __future__ import annotations

import numpy as np

from bench.driver import WARM_UP, Task, main
from bench.measure import Figures, bytes_below, summary, timed, timed_calls
from bench.workloads import make_pixel, make_state


def frames(task: Task) -> Figures:
    total = task.count + WARM_UP
    work = make_state(total)
    names = ("state", "action", "objects")
    maps = [
        np.memmap(task.folder / name, np.float32, "w+", shape=work[name].shape) for name in names
    ]
    rewards = np.memmap(task.folder / "reward", np.float32, "w+", shape=(total,))
    rows = [list(work[name]) for name in names]

    def call(i: int) -> None:
        maps[0][i] = rows[0][i]
        maps[1][i] = rows[1][i]
        maps[2][i] = rows[2][i]
        rewards[i] = work["reward"][i]

    timed_calls(call, WARM_UP)
    spent = timed_calls(lambda i: call(i + WARM_UP), task.count, hz=task.hz)

    def close() -> None:
        for part in (*maps, rewards):
            part.flush()

    closing = timed(close)
    return {
        **summary(spent, closing_ns=closing),
        "bytes_per_frame": bytes_below(task.folder) / total,
    }


def pixels(task: Task) -> Figures:
    total = task.count + WARM_UP
    pictures = make_pixel(total)["frames"]
    kept = np.memmap(task.folder / "pixels", np.uint8, "w+", shape=pictures.shape)

    def call(i: int) -> None:
        kept[i] = pictures[i]

    timed_calls(call, WARM_UP)
    spent = timed_calls(lambda i: call(i + WARM_UP), task.count, hz=task.hz)
    closing = timed(kept.flush)
    return {
        **summary(spent, closing_ns=closing),
        "bytes_per_frame": bytes_below(task.folder) / total,
    }


if __name__ == "__main__":
    main({"frames": frames, "pixels": pixels})
