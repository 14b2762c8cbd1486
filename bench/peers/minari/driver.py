"""Minari's DataCollector around an environment that only hands out the next frame.

What is measured is `step` of the collector; creating the dataset counts as closing.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from bench.driver import WARM_UP, Task, main
from bench.measure import Figures, bytes_below, summary, timed, timed_calls
from bench.workloads import EP_PIXEL, EP_STATE, make_pixel, make_state


class Frames(gymnasium.Env[Any, Any]):
    """Plays a list of observations; an episode ends after so many steps."""

    def __init__(
        self,
        seen: list[Any],
        rewards: list[float],
        space: spaces.Space[Any],
        actions: spaces.Space[Any],
        episode: int,
    ) -> None:
        self.observation_space, self.action_space = space, actions
        self._seen, self._rewards, self._episode = seen, rewards, episode
        self._at = 0

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return self._seen[self._at % len(self._seen)], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        i = self._at % len(self._seen)
        self._at += 1
        return self._seen[i], self._rewards[i], False, self._at % self._episode == 0, {}


def frames(task: Task) -> Figures:
    total = task.count + WARM_UP
    work = make_state(total)
    seen = [
        {"state": state, "objects": objects}
        for state, objects in zip(work["state"], work["objects"], strict=True)
    ]
    space = spaces.Dict(
        {
            "state": spaces.Box(-np.inf, np.inf, (128,), np.float32),
            "objects": spaces.Box(-np.inf, np.inf, (16, 20), np.float32),
        }
    )
    actions = spaces.Box(-np.inf, np.inf, (31,), np.float32)
    env = Frames(seen, work["reward"].tolist(), space, actions, EP_STATE)
    return _record(task, env, list(work["action"]), EP_STATE)


def pixels(task: Task) -> Figures:
    total = task.count + WARM_UP
    work = make_pixel(total)
    space = spaces.Box(0, 255, (144, 160, 3), np.uint8)
    env = Frames(list(work["frames"]), [0.0] * total, space, spaces.Discrete(6), EP_PIXEL)
    return _record(task, env, list(work["act"]), EP_PIXEL)


def _record(task: Task, env: Frames, actions: list[Any], episode: int) -> Figures:
    os.environ["MINARI_DATASETS_PATH"] = str(task.folder / "datasets")
    from minari import DataCollector  # type: ignore[import-not-found, unused-ignore]

    collector = DataCollector(env)
    collector.reset(seed=0)
    resets = 0

    def call(first: int, i: int) -> None:
        collector.step(actions[first + i])

    def play(first: int, count: int) -> list[int]:
        nonlocal resets
        spent: list[int] = []
        while len(spent) < count:
            at = first + len(spent)
            stretch = min(count - len(spent), episode - at % episode)
            spent += timed_calls(partial(call, at), stretch, hz=task.hz)
            if (at + stretch) % episode == 0:
                resets += timed(collector.reset)
        return spent

    play(0, WARM_UP)
    resets = 0
    spent = play(WARM_UP, task.count)
    closing = timed(lambda: collector.create_dataset(dataset_id="bench/frames-v0"))
    return {
        **summary(spent, closing_ns=closing + resets),
        "bytes_per_frame": bytes_below(task.folder / "datasets") / (task.count + WARM_UP),
    }


if __name__ == "__main__":
    main({"frames": frames, "pixels": pixels})
