"""The public checker finds what a game breaks, and leaves a good one alone."""

from __future__ import annotations

import gymnasium
import msgspec
import numpy as np
import pytest

from understudy.errors import GameError
from understudy.games.checker import check_game, problems
from understudy.games.condition_reader import Reader
from understudy.games.game import REPORT, Game
from understudy.games.task import Progress, Task


def task(id, kind="act", check=None):
    condition = Reader().read(check or {"path": "n", "op": ">=", "value": 3})
    return Task(
        id=id,
        words="count to three",
        group="counting",
        reference_steps=3,
        kind=kind,
        check=condition,
    )


class Counting(Game):
    """A stranger's game, whole: it counts up, and draws as many white columns."""

    name = "counting"
    render_mode = "rgb_array"
    action_names = ("up", "stay", REPORT)
    tasks = (task("three"), task("tell", "report", {"mentions": "n"}))

    def __init__(self):
        self.action_space = gymnasium.spaces.Discrete(3)
        self.observation_space = gymnasium.spaces.Box(0, 255, (4, 8, 3), np.uint8)
        self.n = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        task = self._task_for(options)
        self.n = int(self.np_random.integers(0, 2))
        self._begin(task)
        return self.screenshot(), {"task": task.id if task else "", "success": False}

    def step(self, action):
        chosen = self.as_action(action)
        self.n += chosen.name == "up"
        reward, over, info = self._judge(chosen)
        return self.screenshot(), reward, over, False, info

    def screenshot(self):
        picture = np.zeros((4, 8, 3), np.uint8)
        picture[:, : self.n % 9] = 255
        return picture

    def snapshot(self):
        progress = self._progress.state() if self._progress else None
        return msgspec.msgpack.encode([self.n, progress])

    def restore(self, snapshot):
        self.n, progress = msgspec.msgpack.decode(snapshot)
        self._progress = (
            Progress.from_state(self.find_task(progress["task"]), progress) if progress else None
        )

    def memory(self):
        return {"n": self.n}


def test_a_good_game_passes():
    check_game(Counting())


def test_a_good_game_is_played_like_any_other():
    game = Counting()
    game.reset(seed=1, options={"task": "three"})
    over = False
    while not over:
        _, reward, over, _, info = game.step("up")
    assert (reward, info["success"], game.describe()) == (1.0, True, "n: 3")


class OneActionTooMany(Counting):
    action_names = ("up", "stay")
    tasks = ()


class SharedPicture(Counting):
    picture = np.zeros((4, 8, 3), np.uint8)

    def screenshot(self):
        return self.picture


class ForgetfulSnapshot(Counting):
    def restore(self, snapshot):
        pass


class Dice(Counting):
    random = np.random.default_rng()

    def step(self, action):
        self.n = int(self.random.integers(0, 1 << 30))
        return super().step(action)


class DoneAlready(Counting):
    tasks = (task("nothing", check={"path": "n", "op": ">=", "value": 0}),)


class EasyReport(Counting):
    tasks = (task("any", "report", {"path": "n", "op": ">=", "value": 0}),)


class TwiceTheSame(Counting):
    tasks = (task("three"), task("three"))


class StrangeMemory(Counting):
    def memory(self):
        return {"n": self.n, "what": object()}


class Breaks(Counting):
    def snapshot(self):
        raise RuntimeError("no room")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (OneActionTooMany, "`action_space` has 3 actions and `action_names` 2"),
        (SharedPicture, "an array of the caller's own"),
        (ForgetfulSnapshot, "after `restore`, screenshot or memory are not those"),
        (Dice, "the same seed and actions give another course"),
        (DoneAlready, "the task 'nothing' is done before anything was played"),
        (EasyReport, "'any' is done by an empty report"),
        (TwiceTheSame, "two tasks have the id 'three'"),
        (StrangeMemory, "`memory` must be plain data"),
        (Breaks, "RuntimeError was raised: no room"),
    ],
)
def test_each_broken_promise_is_named(kind, message):
    assert any(message in found for found in problems(kind()))
    with pytest.raises(GameError, match="counting does not keep the contract of a game: "):
        check_game(kind())


def test_what_is_no_game_at_all_is_named():
    assert problems("pocket") == ["it is str, not an understudy.games.game.Game"]
