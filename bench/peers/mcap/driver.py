"""MCAP's Python writer with its defaults (zstd chunks): each frame one message of raw bytes."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from mcap.writer import Writer  # type: ignore[import-not-found, unused-ignore]

from bench.driver import WARM_UP, Task, main
from bench.measure import Figures, bytes_below, summary, timed, timed_calls
from bench.workloads import make_pixel, make_state


def frames(task: Task) -> Figures:
    work = make_state(task.count + WARM_UP)
    state, action, objects = (list(work[name]) for name in ("state", "action", "objects"))
    reward = work["reward"].tolist()
    pack = struct.Struct("<f").pack

    def message(i: int) -> bytes:
        whole: bytes = (
            state[i].tobytes() + action[i].tobytes() + objects[i].tobytes() + pack(reward[i])
        )
        return whole

    return _record(task, message)


def pixels(task: Task) -> Figures:
    pictures = list(make_pixel(task.count + WARM_UP)["frames"])

    def message(i: int) -> bytes:
        raw: bytes = pictures[i].tobytes()
        return raw

    return _record(task, message)


def _record(task: Task, message: Callable[[int], bytes]) -> Figures:
    path = task.folder / "frames.mcap"
    with open(path, "wb") as file:
        writer = Writer(file)
        writer.start()
        schema = writer.register_schema(name="frame", encoding="", data=b"")
        channel = writer.register_channel(topic="frames", message_encoding="raw", schema_id=schema)

        def call(i: int) -> None:
            now = time.time_ns()
            writer.add_message(channel, log_time=now, publish_time=now, data=message(i))

        timed_calls(call, WARM_UP)
        spent = timed_calls(lambda i: call(i + WARM_UP), task.count, hz=task.hz)
        closing = timed(writer.finish)
    return {
        **summary(spent, closing_ns=closing),
        "bytes_per_frame": bytes_below(path) / (task.count + WARM_UP),
    }


if __name__ == "__main__":
    main({"frames": frames, "pixels": pixels})
