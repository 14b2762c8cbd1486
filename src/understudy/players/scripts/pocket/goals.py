"""What a plan is made of: goals, each of which knows the next move or that it is reached.

A goal looks at one moment and remembers nothing. So plans are plain values, shared by all sessions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from understudy.games.game import REPORT, Action
from understudy.players.script import Move
from understudy.players.scripts.pocket.now import Now

Test = Callable[[Now], bool]


def at_least(value: str, number: int) -> Test:
    """Whether a counter of the game has come that far."""
    return lambda now: bool(now[value] >= number)


class Goal(ABC):
    """Something that is to be reached."""

    @abstractmethod
    def next(self, now: Now) -> Move | None:
        """The next move towards it; None when it is reached."""


class InOrder(Goal):
    """Several goals: the first that is not reached is the one to work on."""

    def __init__(self, *goals: Goal) -> None:
        self._goals = goals

    def next(self, now: Now) -> Move | None:
        for goal in self._goals:
            move = goal.next(now)
            if move is not None:
                return move
        return None


class Unless(Goal):
    """A goal that is not worth working on where a test holds."""

    def __init__(self, test: Test, goal: Goal) -> None:
        self._test = test
        self._goal = goal

    def next(self, now: Now) -> Move | None:
        return None if self._test(now) else self._goal.next(now)


class Report(Goal):
    """Look, then tell what was asked; ``says`` makes the answer of what is there to be seen."""

    def __init__(self, look: Goal, says: Callable[[Now], str], seen: str) -> None:
        """``seen``: where the answer stands, such as ``"the bag"``."""
        self._look = look
        self._says = says
        self._seen = seen

    def next(self, now: Now) -> Move | None:
        move = self._look.next(now)
        if move is not None:
            return move
        return Move(
            Action(REPORT, self._says(now)),
            f"The answer can be read from {self._seen}, so report it.",
            "The report answers the question, and the task is done.",
        )


def press(button: str, reasoning: str, expected_outcome: str) -> Move:
    """The move that presses ``button``."""
    return Move(Action(f"press_{button}"), reasoning, expected_outcome)
