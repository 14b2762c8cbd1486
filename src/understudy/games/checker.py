"""The public checker: does a game keep the contract? For whoever writes one, and for our own.

from understudy.games.checker import check_game
check_game(MyGame())
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import numpy as np

from understudy.errors import GameError
from understudy.games.game import REPORT, Action, Game
from understudy.games.task import Task

_STEPS = 8


def check_game(game: Game, *, tasks: int | None = None) -> None:
    """Play ``game`` a little and raise GameError listing every promise it breaks, a line each.

    ``tasks``: at most this many tasks are started; all of them without it. The game is left
    somewhere in the middle of an episode.
    """
    found = problems(game, tasks=tasks)
    if found:
        name = getattr(game, "name", "") or type(game).__name__
        raise GameError(f"{name} does not keep the contract of a game: " + "; ".join(found))


def problems(game: Any, *, tasks: int | None = None) -> list[str]:
    """What ``check_game`` would complain of, one sentence each; empty when all is well."""
    if not isinstance(game, Game):
        return [f"it is {type(game).__name__}, not an understudy.games.game.Game"]
    found: list[str] = []
    for check in (_names, _environment, _pictures, _memory, _snapshots, _repeats):
        found += _tried(check, game)
        if found and check is _names:
            return found
    for task in game.tasks[:tasks]:
        found += _tried(partial(_task, task=task), game)
    return found


def _tried(check: Callable[[Any], Iterator[str]], game: Any) -> list[str]:
    found: list[str] = []
    try:
        found.extend(check(game))
    except Exception as error:
        found.append(f"{type(error).__name__} was raised: {error}")
    return found


def _names(game: Any) -> Iterator[str]:
    import gymnasium

    if not isinstance(game.name, str) or not game.name:
        yield "`name` is empty"
    actions = game.action_names
    if not actions or not all(isinstance(name, str) and name for name in actions):
        yield "`action_names` must be texts, one for each action"
    elif len(set(actions)) != len(actions):
        yield "`action_names` has a name twice"
    space = game.action_space
    if game.spoken:
        if not isinstance(space, gymnasium.spaces.Text):
            yield f"`action_space` of a game in words must be Text, not {space}"
    elif not isinstance(space, gymnasium.spaces.Discrete) or space.start != 0:
        yield f"`action_space` must be Discrete from 0, not {space}"
    elif space.n != len(actions):
        yield f"`action_space` has {space.n} actions and `action_names` {len(actions)}"
    ids = [task.id for task in game.tasks]
    for id in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"two tasks have the id {id!r}"
    if any(task.kind == "report" for task in game.tasks) and REPORT not in actions:
        yield f"it has report tasks and no action {REPORT!r}"


def _environment(game: Any) -> Iterator[str]:
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            # Closing is the caller's business, and what is rendered is looked at further down.
            check_env(game, skip_render_check=True, skip_close_check=True)
        except Exception as error:
            yield f"Gymnasium's own checker refuses it: {error}"
    for warning in caught:
        text = re.sub(r"\x1b\[\d+m", "", str(warning.message)).removeprefix("WARN: ")
        yield f"Gymnasium's own checker warns: {text}"


def _pictures(game: Any) -> Iterator[str]:
    game.reset(seed=1)
    picture = game.screenshot()
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        yield "`screenshot` must give an array of uint8"
        return
    if picture.ndim != 3 or picture.shape[2] != 3:
        yield f"`screenshot` must have the shape height x width x 3, not {picture.shape}"
    before = picture.copy()
    picture[...] = 255 - picture
    if not np.array_equal(game.screenshot(), before):
        yield "`screenshot` must give an array of the caller's own: changing it changed the next"


def _memory(game: Any) -> Iterator[str]:
    game.reset(seed=1)
    memory = game.memory()
    if not isinstance(memory, dict):
        yield "`memory` must give a dict"
        return
    try:
        msgspec.json.encode(memory)
    except (TypeError, ValueError) as error:
        yield f"`memory` must be plain data, as JSON has it: {error}"
    if not isinstance(game.describe(), str):
        yield "`describe` must give text"


def _snapshots(game: Any) -> Iterator[str]:
    game.reset(seed=1)
    play = _actions(game)
    for action in play[: _STEPS // 2]:
        game.step(action)
    taken = game.snapshot()
    if not isinstance(taken, bytes):
        yield "`snapshot` must give bytes"
        return
    here = game.screenshot().copy(), game.memory()
    first = _follow(game, play)
    game.restore(taken)
    if not np.array_equal(game.screenshot(), here[0]) or game.memory() != here[1]:
        yield "after `restore`, screenshot or memory are not those of the snapshot"
    if not _same(first, _follow(game, play)):
        yield "after `restore`, the same actions go another way than after the snapshot"


def _repeats(game: Any) -> Iterator[str]:
    play = _actions(game)
    runs = []
    for _ in range(2):
        game.reset(seed=5)
        runs.append(_follow(game, play))
    if not _same(*runs):
        yield "the same seed and actions give another course of the game"


def _task(game: Any, task: Task) -> Iterator[str]:
    _, info = game.reset(seed=1, options={"task": task.id})
    if game.task != task or info.get("task") != task.id:
        yield f"after `reset` with the task {task.id!r}, another one is being played"
        return
    if info.get("success") or game.check().success:
        yield f"the task {task.id!r} is done before anything was played"
    if task.kind == "report":
        _, reward, over, _, info = game.step(Action(REPORT, ""))
        if not over:
            yield f"a report does not end the report task {task.id!r}"
        if info.get("success") or reward:
            yield f"the report task {task.id!r} is done by an empty report"


def _actions(game: Any) -> list[int | str]:
    if game.spoken:
        game.action_space.seed(3)
        return [game.action_space.sample() for _ in range(_STEPS)]
    names = game.action_names
    playable = [index for index, name in enumerate(names) if name != REPORT]
    random = np.random.default_rng(3)
    return [playable[i] for i in random.integers(0, len(playable), _STEPS)]


def _follow(game: Any, play: list[int | str]) -> list[tuple[Any, ...]]:
    course = []
    for action in play:
        _, reward, over, cut, _ = game.step(action)
        course.append((game.screenshot().copy(), game.memory(), reward, over, cut))
    return course


def _same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> bool:
    return all(
        np.array_equal(a[0], b[0]) and a[1:] == b[1:] for a, b in zip(one, other, strict=True)
    )
