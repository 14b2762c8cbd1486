"""Which split a session falls into: by session, never by row, and always the same.

The place of a session follows from a hash alone, so adding sessions moves none of the others.
Episodes of one task with one seed begin with the same pictures, and what branched off a session
shares its first steps: they stay together, whoever played them.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable
from typing import Any

import msgspec

from understudy.errors import UsageError
from understudy.session.header import SessionHeader

SPLITS = ("train", "validation", "test")
_SCALE = 2.0**64


class Splits(msgspec.Struct, frozen=True, kw_only=True):
    """How large the splits are to be, and the seed that decides who falls where."""

    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Of train, validation and test; they add up to 1."""
    seed: int = 0

    def of(self, group: str) -> str:
        """The split of the sessions of a group."""
        digest = hashlib.blake2b(
            f"{self.seed}\n{group}".encode(errors="replace"), digest_size=8
        ).digest()
        place = int.from_bytes(digest, "big") / _SCALE
        for split, end in zip(SPLITS, itertools.accumulate(self.fractions), strict=True):
            if place < end:
                return split
        return next(
            s for s, size in reversed(list(zip(SPLITS, self.fractions, strict=True))) if size
        )


class Groups:
    """Puts sessions together that must not be torn apart; to be asked in the order of recording."""

    def __init__(self) -> None:
        self._of_session: dict[str, str] = {}

    def of(self, header: SessionHeader) -> str:
        """The name of the session's group."""
        group = _episode(header) or self._root(header.metadata.get("branch")) or header.id
        self._of_session[header.id] = group
        return group

    def _root(self, branch: Any) -> str | None:
        if not isinstance(branch, dict) or not isinstance(branch.get("session"), str):
            return None
        return self._of_session.get(branch["session"], branch["session"])


def parse_fractions(text: str) -> tuple[float, float, float]:
    """``0.8,0.1,0.1`` as numbers; UsageError when they are no three shares of one whole."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    return checked_fractions(numbers, text)


def checked_fractions(numbers: Iterable[float], said: object) -> tuple[float, float, float]:
    """Three shares that add up to 1; UsageError, quoting ``said``, when they do not."""
    shares = list(numbers)
    whole = all(math.isfinite(share) and share >= 0 for share in shares)
    if len(shares) != len(SPLITS) or not whole or not math.isclose(sum(shares), 1, abs_tol=1e-9):
        raise UsageError(
            f"the splits are {said!r}; give the shares of train, validation and test, such as "
            "0.8,0.1,0.1, which add up to 1"
        )
    return shares[0], shares[1], shares[2]


def _episode(header: SessionHeader) -> str | None:
    """What decides how an episode begins: game, task and seed; None where that is not known."""
    seed = header.metadata.get("seed")
    task = header.metadata.get("task")
    named = task.get("id") if isinstance(task, dict) else None
    if not isinstance(seed, int) or not (named or header.task):
        return None
    return f"{header.game}\n{named or header.task}\n{seed}"
