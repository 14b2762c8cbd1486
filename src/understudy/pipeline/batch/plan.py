"""Which sessions a batch consists of: decided once, before the first is played."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from understudy.errors import FormatError
from understudy.games.finding import find_task
from understudy.games.task import Task
from understudy.pipeline.batch.task_file import BatchTask, TaskFile, as_settings
from understudy.pipeline.play import PlayRequest, default_player


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
    file: TaskFile, tasks_of: Callable[[str], Sequence[Task]], most: int | None
) -> list[Planned]:
    """The sessions that ``file`` asks for, at most ``most`` of them.

    Each entry gives as many as it says, each with the next seed; where that is fewer than ``most``,
    the entries are gone round again with further seeds. ``tasks_of`` gives the tasks of a game;
    what it raises is raised. FormatError names the line of an entry that finds no task.
    """
    chosen = [pair for entry in file.tasks for pair in _tasks(file, entry, tasks_of(entry.game))]
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


def _tasks(file: TaskFile, entry: BatchTask, known: Sequence[Task]) -> list[tuple[BatchTask, str]]:
    """The tasks that one entry means, by what is asked of the player."""
    if entry.all:
        return [(entry, task.id) for task in known]
    if entry.group:
        found = [(entry, task.id) for task in known if task.group == entry.group]
        if not found:
            groups = ", ".join(sorted({task.group for task in known})) or "none"
            raise FormatError(
                f"{file.path}, line {entry.line}: {entry.game} has no group {entry.group!r}; there "
                f"is: {groups}"
            )
        return found
    match = find_task(known, entry.task)
    if match.task is not None:
        return [(entry, match.task.id)]
    if (entry.player or default_player(entry.game)) == "script":
        near = ", ".join(task.id for task in match.near) or "none"
        raise FormatError(
            f"{file.path}, line {entry.line}: no task of {entry.game} is clearly meant by "
            f"{entry.task!r}, and the script plays only tasks; the nearest: {near}"
        )
    return [(entry, entry.task)]


def _plays_unattended(settings: dict[str, Any]) -> bool:
    """Whether a lost second can simply be played again: nobody sat there, nothing was paid."""
    player = settings["player"] or default_player(settings["game"])
    return player not in ("human", "chat")
