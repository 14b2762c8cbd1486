"""A language model as the Dungeon Master."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from understudy.chat.record import Message
from understudy.games.builtin.tavern.table import Table

LONGEST_ANSWER = 4000
"""Letters of one answer; a model that never ends is cut off."""


class ModelMaster:
    """A `DungeonMaster` that knows nothing but the messages."""

    def __init__(self, name: str, answer: Callable[[list[Message]], str]) -> None:
        self.name = name
        self._answer = answer

    def begin(self, seed: int) -> None:
        """Nothing to begin: a model remembers nothing."""

    def answer(self, messages: list[Message], table: Table) -> str:
        """What the model says. Raises as the model does."""
        return self._answer(messages)[:LONGEST_ANSWER].strip()

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to go on from."""
