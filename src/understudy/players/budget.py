"""How many steps a player may take: a hard limit, a warning before it, and one extension."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from understudy.errors import UsageError
from understudy.games.task import Task

FREE_STEPS = 50
"""Budget of a request that the game has no task for."""
_SOFT_SHARE = 0.2
_SOFT_LEAST = 2


def adaptive_limit(task: Task | None) -> int:
    """A fair number of steps for ``task``: its reference, half as much again, more when hard."""
    if task is None:
        return FREE_STEPS
    return math.ceil(task.reference_steps * (1.5 + 0.25 * task.difficulty)) + 5


@dataclass
class StepBudget:
    """The steps of one session, counted as they are taken."""

    limit: int
    """The hard limit as it stands: not one step more is played."""
    kind: Literal["given", "adaptive"] = "given"
    extension: int = 0
    """Steps that are added once when the limit is reached and the task is not done."""
    used: int = 0
    extended: bool = False

    def __post_init__(self) -> None:
        """UsageError for a limit under which nothing could be played."""
        if self.limit < 1:
            raise UsageError(f"the step limit is {self.limit}; give 1 or more")
        if self.extension < 0:
            raise UsageError(f"the extension is {self.extension} steps; give 0 or more")

    @classmethod
    def for_task(cls, task: Task | None, steps: int | None, extension: int = 0) -> StepBudget:
        """``steps`` where they are given, else a limit by the task."""
        if steps is not None:
            return cls(steps, "given", extension)
        return cls(adaptive_limit(task), "adaptive", extension)

    @property
    def left(self) -> int:
        """Steps that may still be taken."""
        return self.limit - self.used

    @property
    def warning(self) -> str:
        """What to say when the limit is near; empty before."""
        if self.left > max(_SOFT_LEAST, math.floor(self.limit * _SOFT_SHARE)):
            return ""
        return f"{self.left} of {self.limit} steps {'is' if self.left == 1 else 'are'} left"

    def extend(self) -> int:
        """Use the extension; how many steps it gave, 0 when there is none any more."""
        if self.extended or not self.extension:
            return 0
        self.extended = True
        self.limit += self.extension
        return self.extension
