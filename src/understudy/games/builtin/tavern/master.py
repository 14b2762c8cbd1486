"""Who is the Dungeon Master: a contract that a language model can fulfil, and so can a script."""

from __future__ import annotations

from typing import Any, Protocol

from understudy.chat.record import Message
from understudy.games.builtin.tavern.table import Table


class DungeonMaster(Protocol):
    """Answers the adventurers, and the results of what it has called.

    Its calls stand in brackets in its words: ``Softly. [check: stealth, Mira]``.
    """

    name: str
    """As chats and records call it."""

    def begin(self, seed: int) -> None:
        """A new evening; the same seed and words give the same answers, where it can be."""

    def answer(self, messages: list[Message], table: Table) -> str:
        """What it says to ``messages``: the last one is the adventurer's, or results of its calls.

        ``table`` is the state as it is, for reading.
        """

    def state(self) -> dict[str, Any]:
        """What it keeps in mind beside the messages: plain data."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned."""
