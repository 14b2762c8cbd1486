"""One JSON object a line through orjson, the fastest way to write NumPy rows as text."""

from __future__ import annotations

import orjson

from bench.driver import WARM_UP, Task, main
from bench.measure import Figures, bytes_below, summary, timed, timed_calls
from bench.workloads import make_state

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def frames(task: Task) -> Figures:
    total = task.count + WARM_UP
    work = make_state(total)
    state, action, objects = (list(work[name]) for name in ("state", "action", "objects"))
    reward = work["reward"].tolist()
    with open(task.folder / "frames.jsonl", "wb") as file:

        def call(i: int) -> None:
            row = {
                "state": state[i],
                "action": action[i],
                "objects": objects[i],
                "reward": reward[i],
            }
            file.write(orjson.dumps(row, option=OPTIONS))

        timed_calls(call, WARM_UP)
        spent = timed_calls(lambda i: call(i + WARM_UP), task.count, hz=task.hz)
        closing = timed(file.close)
    return {
        **summary(spent, closing_ns=closing),
        "bytes_per_frame": bytes_below(task.folder) / total,
    }


if __name__ == "__main__":
    main({"frames": frames})
