"""Two versions of a model by what they were measured to do, row by row.

Where both were asked the same cases, or played the same starts, the difference is paired and has an
interval; else the two rates stand beside each other and nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from understudy.errors import ModelError
from understudy.evaluate.compare import SetComparison, compare
from understudy.evaluate.playing import PlayResult, difference
from understudy.evaluate.results import COLUMNS, read_scores, units_of
from understudy.evaluate.suites import SET_NAMES, TITLES, Suite, build_suite
from understudy.models.registry import PLAYING, VALIDATION, ModelVersion

_OTHER_CASES = "they were asked different cases"
_OLD_CASES = "these cases are no longer made"
_Row = Mapping[str, Any]


class ScoreChange(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of both, before and after."""

    weights: str
    """Which of the model's weights were measured: ``tuned``, ``quantized``, ``f16`` …"""
    what: str
    before: float
    before_ci: list[float]
    after: float
    after_ci: list[float]
    difference_ci: list[float] | None
    """None unless both were asked the same."""
    verdict: str
    """``better``, ``worse`` or ``no difference shown``; else why there is none."""


def score_changes(before: ModelVersion, after: ModelVersion) -> list[ScoreChange]:
    """What both were validated on, and how both play. ModelError for results that are damaged."""
    found: list[ScoreChange] = []
    for file, rows in ((VALIDATION, _validated), (PLAYING, _played)):
        one, other = before.result(file), after.result(file)
        if one is not None and other is not None:
            found += _readable(rows, one, other, f"{before.ref} or {after.ref}")
    return found


def _readable(
    rows: Callable[[_Row, _Row], Iterator[ScoreChange]], one: _Row, other: _Row, whose: str
) -> list[ScoreChange]:
    try:
        return [*rows(one, other)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"what was measured of {whose} is damaged ({type(error).__name__}: {error}); run "
            "`understudy validate` or `understudy evaluate` for both again"
        ) from error


def _validated(before: _Row, after: _Row) -> Iterator[ScoreChange]:
    alike = before["suite"]["digest"] == after["suite"]["digest"]
    suite = _suite_of(after) if alike else None
    for column in COLUMNS[1:]:  # all but the base
        if not before.get(column) or not after.get(column):
            continue
        paired = {} if suite is None else _paired(before, after, suite, column)
        for name, then in after[column]["sets"].items():
            first = before[column]["sets"].get(name)
            if first is None or first["accuracy"] is None or then["accuracy"] is None:
                continue
            pair = paired.get(name)
            yield ScoreChange(
                weights=column,
                what=TITLES.get(name, name),
                before=first["accuracy"],
                before_ci=first["accuracy_ci"],
                after=then["accuracy"],
                after_ci=then["accuracy_ci"],
                difference_ci=pair.difference_ci if pair else None,
                verdict=pair.verdict if pair else _OLD_CASES if alike else _OTHER_CASES,
            )


def _suite_of(results: _Row) -> Suite | None:
    """The cases that were asked; None where they are no longer made so."""
    asked = results["suite"]
    if not set(asked["sets"]) <= set(SET_NAMES):
        return None
    suite = build_suite(asked["sets"], seed=asked["seed"], limit=asked["limit"])
    return suite if suite.digest == asked["digest"] else None


def _paired(before: _Row, after: _Row, suite: Suite, column: str) -> dict[str, SetComparison]:
    first, then = (read_scores(results, suite, column) for results in (before, after))
    if first is None or then is None:
        return {}
    return {one.set: one for one in compare("before", "after", first, then, units_of(suite))}


def _played(before: _Row, after: _Row) -> Iterator[ScoreChange]:
    first, then = (msgspec.convert(results, PlayResult) for results in (before, after))
    if first.game != then.game:
        return
    pair = difference(first, then) if first.stumbles == then.stumbles else None
    yield ScoreChange(
        weights=then.weights,
        what=f"playing {then.game}",
        before=first.success_rate,
        before_ci=[*first.success_rate_ci],
        after=then.success_rate,
        after_ci=[*then.success_rate_ci],
        difference_ci=[pair.low, pair.high] if pair else None,
        verdict=pair.verdict if pair else "they played different starts",
    )
