"""What a player is: whoever chooses the actions, one decision at a time.

A player sees what a person at the screen would see and answers with an action; the loop in
``players.loop`` asks it, plays what it answers, and records both. Implementations register under
the entry points ``understudy.players``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.games.game import Action, Game
from understudy.games.task import Task

if TYPE_CHECKING:
    import sqlite3

    import numpy as np
    from numpy.typing import NDArray

    from understudy.session.recording.recorder import SessionRecorder


class PlayerQuit(Exception):  # noqa: N818 - nothing went wrong
    """Raised by ``decide`` when the player has had enough: the session ends as it stands."""


@dataclass(frozen=True)
class Situation:
    """What a player is told once, before its first decision."""

    game: Game
    words: str
    """What is asked of the player, in the words of whoever asked."""
    task: Task | None
    """The game's own task; None when something is asked that the game has no check for."""
    seed: int
    max_steps: int
    session: SessionRecorder
    """Where it is recorded: a player may add chats and events of its own."""
    memory: sqlite3.Connection
    """The session's memory database, of which a copy is kept before and after. The loop keeps the
    game's named memory in its table ``game_memory``; a player may have tables of its own."""


@dataclass(frozen=True)
class View:
    """What a player sees before a decision."""

    step: int
    """The number of the decision to come, from 1."""
    max_steps: int
    """The budget as it stands; it may have been extended."""
    screenshot: NDArray[np.uint8]
    observation: str
    """The state in words, as the game describes it."""
    previous_actions: tuple[str, ...]
    """What was done until now, oldest first."""
    warning: str = ""
    """Said when the budget is nearly used up."""


@dataclass(frozen=True)
class Decision:
    """An action, and what the player says about it. Everything but the action is optional."""

    action: Action
    reasoning: str | None = None
    expected_outcome: str | None = None
    tokens: dict[str, int] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Further facts to be recorded with the step: plain data."""


@dataclass(frozen=True)
class Outcome:
    """What came of a decision."""

    step: int
    action: Action
    effect: bool
    """Whether the screen, or the state as the game describes it, is another than before."""
    done: bool
    """Whether the game ended with it: the task is done, or a report was given."""
    success: bool


class Player(ABC):
    """Base of every player. One object plays one session at a time, and may play many in a row."""

    name: str
    """Recorded as the session's player."""
    model: str | None = None
    """The language model or policy behind it, where there is one."""

    def begin(self, situation: Situation) -> None:  # noqa: B027 - a hook
        """A session begins. PlayerError when this player cannot play it."""

    @abstractmethod
    def decide(self, view: View) -> Decision:
        """The next action.

        PlayerQuit ends the session as it stands, PlayerError as incomplete with its reason.
        """

    def told(self, outcome: Outcome) -> None:  # noqa: B027 - a hook
        """What came of the last decision."""

    def analysis(self) -> dict[str, Any]:
        """What to keep in the session's ``analysis/``: name of the JSON file → its content."""
        return {}

    def end(self) -> None:  # noqa: B027 - a hook
        """The session ended, however it did; called once for each ``begin`` that returned."""

    def close(self) -> None:  # noqa: B027 - a hook
        """Give back what is held open; no session follows."""
