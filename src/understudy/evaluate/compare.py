"""Two models on the same cases: which is better, on which set, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import msgspec

from understudy.evaluate.intervals import paired

Scores = Mapping[str, Sequence[float]]
"""Set → how right each of its cases was, from 0 to 1, in the order of the suite."""
Units = Mapping[str, Sequence[str]]
"""Set → the unit of each of its cases, in the same order."""


class SetComparison(msgspec.Struct, frozen=True, kw_only=True):
    """What a set says of two models."""

    before: str
    after: str
    set: str
    before_accuracy: float
    after_accuracy: float
    difference: float
    """``after`` less ``before``."""
    difference_ci: list[float]
    verdict: str
    """``better``, ``worse``, or ``no difference shown`` where the interval holds 0."""
    cases: int
    units: int


def compare(
    before: str, after: str, before_scores: Scores, after_scores: Scores, units: Units
) -> list[SetComparison]:
    """``after`` against ``before`` on every set that both have answered, in the order of ``units``.

    Both must have been asked the same cases in the same order.
    """
    found = []
    for name, of_set in units.items():
        one, other = before_scores.get(name), after_scores.get(name)
        if not of_set or one is None or other is None:
            continue
        difference = paired(one, other, of_set)
        found.append(
            SetComparison(
                before=before,
                after=after,
                set=name,
                before_accuracy=fmean(one),
                after_accuracy=fmean(other),
                difference=difference.value,
                difference_ci=[difference.low, difference.high],
                verdict=difference.verdict,
                cases=difference.cases,
                units=difference.units,
            )
        )
    return found
