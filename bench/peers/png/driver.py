"""Each picture its own PNG, as recorders without a video format keep it."""

from __future__ import annotations

import io

from PIL import Image

from bench.driver import WARM_UP, Task, main
from bench.measure import Figures, summary, timed_calls
from bench.workloads import make_pixel


def pixels(task: Task) -> Figures:
    pictures = make_pixel(task.count + WARM_UP)["frames"]
    stored = 0
    with open(task.folder / "pictures", "wb") as file:

        def call(i: int) -> None:
            nonlocal stored
            encoded = io.BytesIO()
            Image.fromarray(pictures[i]).save(encoded, "PNG")
            stored += file.write(encoded.getbuffer())

        timed_calls(call, WARM_UP)
        spent = timed_calls(lambda i: call(i + WARM_UP), task.count, hz=task.hz)
    return {**summary(spent), "bytes_per_frame": stored / len(pictures)}


if __name__ == "__main__":
    main({"pixels": pixels})
