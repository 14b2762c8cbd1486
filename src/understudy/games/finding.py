"""From what somebody asks in words to the task that is meant.

Words that carry no meaning are passed over, so that "check healing items in bag" finds the task
"check what healing items I have in my bag".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from understudy.games.task import Task

_FILLING = frozenset(
    re.findall(
        r"\w+",
        "a an and are at can do for have how i in into is it its me my of on out please some tell "
        "that the there them this to up what which with you your",
    )
)
_ENOUGH = 0.75
_CLEARLY = 0.1
_SHOWN = 5


@dataclass(frozen=True)
class FoundTask:
    """What was found for some words."""

    task: Task | None
    """None when no task is clearly meant."""
    near: tuple[Task, ...] = ()
    """Those that come nearest, best first."""


def find_task(tasks: Iterable[Task], asked: str) -> FoundTask:
    """The task named ``asked`` by its id or its words, or clearly meant by them."""
    known = list(tasks)
    wanted = " ".join(asked.lower().split())
    for task in known:
        if asked.strip() == task.id or wanted == " ".join(task.words.lower().split()):
            return FoundTask(task)
    scored = sorted(((_likeness(wanted, task), task) for task in known), key=lambda pair: -pair[0])
    near = tuple(task for score, task in scored[:_SHOWN] if score > 0)
    if not scored or scored[0][0] < _ENOUGH:
        return FoundTask(None, near)
    runner_up = scored[1][0] if len(scored) > 1 else 0.0
    return FoundTask(scored[0][1] if scored[0][0] - runner_up >= _CLEARLY else None, near)


def _likeness(asked: str, task: Task) -> float:
    """0 to 1: how much of each of the two the other has, by their words."""
    one, other = _stems(asked), _stems(task.words)
    if not one or not other:
        return 0.0
    both = len(one & other)
    return 0.5 * both / len(one) + 0.5 * both / len(other)


def _stems(text: str) -> set[str]:
    words = re.findall(r"[^\W_]+", text.lower())
    return {re.sub(r"(?<=...)(ing|es|s|e)$", "", word) for word in words if word not in _FILLING}
