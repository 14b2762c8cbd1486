"""LeRobotDataset with its defaults: `add_frame` is measured, saving an episode is closing."""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.driver import WARM_UP, Task, main
from bench.measure import Figures, bytes_below, summary, timed, timed_calls
from bench.peers.lerobot.without_cuda import prepare
from bench.workloads import EP_PIXEL, EP_STATE, make_pixel, make_state

IMAGE_THREADS = 4  # its own advice for recording without stalls


def frames(task: Task) -> Figures:
    work = make_state(task.count + WARM_UP)
    shapes = {
        "observation.state": (128,),
        "observation.objects": (16, 20),
        "action": (31,),
        "next.reward": (1,),
    }
    features = {
        name: {"dtype": "float32", "shape": shape, "names": None} for name, shape in shapes.items()
    }
    dataset = _new_dataset(
        "bench/frames", fps=60, features=features, root=task.folder / "set", use_videos=False
    )
    rows = [
        {
            "observation.state": work["state"][i],
            "observation.objects": work["objects"][i],
            "action": work["action"][i],
            "next.reward": work["reward"][i : i + 1],
            "task": "play",
        }
        for i in range(work["n"])
    ]
    return _record(task, dataset, rows, EP_STATE)


def pixels(task: Task) -> Figures:
    pictures = make_pixel(task.count + WARM_UP)["frames"]
    feature = {"dtype": "video", "shape": (144, 160, 3), "names": ["height", "width", "channels"]}
    dataset = _new_dataset(
        "bench/pixels",
        fps=60,
        features={"observation.images.screen": feature},
        root=task.folder / "set",
        use_videos=True,
        image_writer_threads=IMAGE_THREADS,
    )
    rows = [{"observation.images.screen": picture, "task": "play"} for picture in pictures]
    return _record(task, dataset, rows, EP_PIXEL)


def _new_dataset(repo_id: str, **options: Any) -> Any:
    prepare()
    from lerobot.datasets.lerobot_dataset import (  # type: ignore[import-not-found, unused-ignore]
        LeRobotDataset,
    )

    return LeRobotDataset.create(repo_id, **options)


def _record(task: Task, dataset: Any, rows: list[dict[str, Any]], episode: int) -> Figures:
    def add(first: int, i: int) -> None:
        dataset.add_frame(rows[first + i])

    timed_calls(partial(add, 0), WARM_UP)
    spent: list[int] = []
    closing = 0
    while len(spent) < task.count:
        at = WARM_UP + len(spent)
        stretch = min(task.count - len(spent), episode - at % episode)
        spent += timed_calls(partial(add, at), stretch, hz=task.hz)
        if (at + stretch) % episode == 0 or len(spent) == task.count:
            closing += timed(dataset.save_episode)
    closing += timed(dataset.finalize)
    return {
        **summary(spent, closing_ns=closing),
        "bytes_per_frame": bytes_below(task.folder / "set") / (task.count + WARM_UP),
    }


if __name__ == "__main__":
    main({"frames": frames, "pixels": pixels})
