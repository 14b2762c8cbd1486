"""Chance that leaves nothing out: what has been drawn least is drawn next.

Drawn independently, a few hundred wordings over a few thousand turns leave some of them out and
give others ten times; a small model learns those that it meets.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import SupportsLenAndGetItem

T = TypeVar("T")
_REMEMBERED = 10_000
"""Far more than there are choices in the tables; parties and the like, met once, are forgotten."""


class EvenRandom(random.Random):
    """Chance whose `choice` takes each of the same things about equally often."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self._drawn: dict[tuple[Any, ...], list[int]] = {}

    def choice(self, seq: SupportsLenAndGetItem[T]) -> T:
        things = tuple(seq[place] for place in range(len(seq)))
        if not things or not all(isinstance(thing, Hashable) for thing in things):
            return super().choice(seq)
        # Taken out and put back, so that what was not met for longest stands first.
        drawn = self._drawn.pop(things, None) or [0] * len(things)
        self._drawn[things] = drawn
        if len(self._drawn) > _REMEMBERED:
            del self._drawn[next(iter(self._drawn))]
        least = min(drawn)
        place = super().choice([place for place, times in enumerate(drawn) if times == least])
        drawn[place] += 1
        return things[place]
