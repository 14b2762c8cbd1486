"""Which sessions a batch consists of: decided once, before the first is played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

import msgspec

from understudy.errors import FormatError, UnderstudyError
from understudy.games.finding import find_task
from understudy.games.task import Task
from understudy.pipeline.batch.task_file import BatchTask, TaskFile, as_settings
from understudy.pipeline.play import PlayRequest, default_player
from understudy.players.registry import player_names

_HUMAN = "human"


class KnownGame(NamedTuple):
    """What a plan has to know of a game."""

    name: str
    tasks: Sequence[Task]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One session of a batch."""

    number: int
    """From 1."""
    asked: str
    """A task's id, or any words."""
    seed: int
    settings: dict[str, Any]
    """By the names of ``PlayRequest``."""

    def request(self, batch: str) -> PlayRequest:
        """What is to be played."""
        return PlayRequest(
            asked=self.asked,
            seed=self.seed,
            durability="interval" if _plays_unattended(self.settings) else "step",
            metadata={"batch": {"name": batch, "number": self.number}},
            **{**self.settings, "tags": (*self.settings["tags"], batch)},
        )


def make_plan(
    file: TaskFile, game_of: Callable[[str], KnownGame], most: int | None
) -> list[Planned]:
    """The sessions that ``file`` asks for, at most ``most`` of them.

    Each entry gives as many as it says, each with the next seed; where that is fewer than ``most``,
    the entries are gone round again with further seeds. ``game_of`` opens a game by its name.
    FormatError names the line of an entry that cannot be played.
    """
    chosen = [pair for entry in file.tasks for pair in _played(file, entry, game_of)]
    planned: list[Planned] = []
    given = sum(entry.sessions for entry, _ in chosen)
    wanted = given if most is None else most
    round_number = 0
    while len(planned) < wanted:
        for entry, asked in chosen:
            for session in range(entry.sessions):
                seed = entry.seed + round_number * entry.sessions + session
                planned.append(
                    Planned(
                        number=len(planned) + 1,
                        asked=asked,
                        seed=seed,
                        settings=dict(as_settings(entry)),
                    )
                )
        round_number += 1
    return planned[:wanted]


def _played(
    file: TaskFile, entry: BatchTask, game_of: Callable[[str], KnownGame]
) -> list[tuple[BatchTask, str]]:
    """What one entry asks of the player, task by task; the entry names its player then."""
    try:
        game = game_of(entry.game)
    except UnderstudyError as error:
        _refuse(file, entry, str(error), error)
    entry = replace(entry, player=_player(file, entry, game))
    if entry.task:
        match = find_task(game.tasks, entry.task)
        if match.task is None and entry.player == "script":
            near = ", ".join(task.id for task in match.near) or "none"
            _refuse(
                file,
                entry,
                f"no task of {game.name} is clearly meant by {entry.task!r}, and the script plays "
                f"only tasks; the nearest: {near}",
            )
        return [(entry, match.task.id if match.task else entry.task)]
    found = [(entry, task.id) for task in game.tasks if entry.all or task.group == entry.group]
    if not found:
        groups = ", ".join(sorted({task.group for task in game.tasks})) or "none"
        which = "task" if entry.all else f"group {entry.group!r}"
        _refuse(file, entry, f"{game.name} has no {which}; its groups: {groups}")
    return found


def _player(file: TaskFile, entry: BatchTask, game: KnownGame) -> str:
    player = entry.player or default_player(game.name)
    known = [name for name in player_names() if name != _HUMAN]
    if player not in known:
        why = f"there is no player {player!r}"
        if player == _HUMAN:
            why = "nobody sits at a batch" if entry.player else f"{game.name} has no script"
        _refuse(file, entry, f"{why}; name as `player` one of {', '.join(known)}")
    return player


def _refuse(
    file: TaskFile, entry: BatchTask, problem: str, cause: Exception | None = None
) -> NoReturn:
    raise FormatError(problem, path=file.path, position=f"line {entry.line}") from cause


def _plays_unattended(settings: dict[str, Any]) -> bool:
    """Whether a lost second can simply be played again: nothing was paid for it."""
    return bool(settings["player"] != "chat")
