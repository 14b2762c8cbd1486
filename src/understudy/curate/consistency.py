"""How alike the ways are in which one task was done."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import isqrt

_MOST_PAIRS = 200
"""Of one task. A mean of so many is within about 0.03 of the mean over all pairs."""
_MOST_ACTIONS = 300
"""Of one path; longer ones are compared by their beginnings."""


def mean_similarity(paths: Sequence[str]) -> float:
    """The mean over all pairs of ``paths`` of how alike the two are, 0 to 1.

    A path is the actions in order, such as ``press_start press_down*3``. Two are as alike as one
    minus the fewest actions to insert, remove or replace until they are the same, divided by the
    length of the longer one. Of very many pairs a sample is taken, always the same for the same
    paths. At least two paths are needed.
    """
    from rapidfuzz.distance import Levenshtein

    alike = Levenshtein.normalized_similarity
    every = len(paths) * (len(paths) - 1) // 2
    counts = Counter(paths)
    letters = _Letters()
    if len(counts) * (len(counts) - 1) // 2 <= _MOST_PAIRS:
        total = sum(count * (count - 1) / 2 for count in counts.values())
        written = {path: letters.of(path) for path in sorted(counts)}
        for one, other in combinations(written, 2):
            total += counts[one] * counts[other] * alike(written[one], written[other])
        return total / every
    ordered = sorted(paths)
    drawn = random.Random(0).sample(range(every), _MOST_PAIRS)
    pairs = [_pair(number) for number in drawn]
    return sum(alike(*(letters.of(ordered[place]) for place in pair)) for pair in pairs) / len(
        pairs
    )


def _pair(number: int) -> tuple[int, int]:
    """The pair of that number, of (1, 0), (2, 0), (2, 1), (3, 0)…"""
    larger = (1 + isqrt(1 + 8 * number)) // 2
    return larger, number - larger * (larger - 1) // 2


class _Letters(dict[str, str]):
    """Paths with one letter for each action: texts are compared fastest."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[str, str] = {}
        self._written: dict[str, str] = {}

    def of(self, path: str) -> str:
        written = self._written.get(path)
        if written is None:
            written = "".join([self[part] for part in path.split(" ")])[:_MOST_ACTIONS]
            self._written[path] = written
        return written

    def __missing__(self, part: str) -> str:
        name, _, times = part.partition("*")
        letter = self._names.setdefault(name, chr(len(self._names) + 1))
        self[part] = letter * min(int(times) if times.isdecimal() else 1, _MOST_ACTIONS)
        return self[part]
