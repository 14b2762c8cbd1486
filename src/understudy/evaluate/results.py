"""``validation_results.json``: what base, tuned and quantised model scored, with intervals.

Every score of a model is a share from 0 to 1 with its interval beside it (``…_ci``). How right each
case was is kept too, so that the next version can be compared case by case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

import msgspec

from understudy.chat.tools.bracket import write_call
from understudy.errors import ModelError
from understudy.evaluate.cases import Case
from understudy.evaluate.compare import Scores, SetComparison, Units, compare
from understudy.evaluate.given_calls import FAILURE_TYPES
from understudy.evaluate.intervals import mean_interval, rate
from understudy.evaluate.measuring import Asking, Measured, Outcome
from understudy.evaluate.quality import PARTS
from understudy.evaluate.quality import measure as measure_quality
from understudy.evaluate.suites import SETS, Suite

SCHEMA = 1
COLUMNS = ("base", "tuned", "quantized", "in_game")
"""``in_game`` is the quantised file held to its tools and the party sheet, as games run it."""
_PAIRS = (
    ("base", "tuned"),
    ("tuned", "quantized"),
    ("base", "quantized"),
    ("quantized", "in_game"),
    ("base", "in_game"),
)
_HEADLINE = "combinations"
"""The set whose accuracy is ``tool_call_accuracy``."""
_CONTEXT = "context"
_EXAMPLES = 25
"""Failed cases of a model that are kept in words."""
_DIGITS = 6


class Earlier(msgspec.Struct, frozen=True):
    """The version before, and how right it was."""

    ref: str
    scores: Scores


def build_results(
    suite: Suite,
    measured: Mapping[str, Measured],
    *,
    asking: Asking,
    limit: int,
    model: str = "",
    earlier: Earlier | None = None,
) -> dict[str, Any]:
    """The results as plain data. ``measured`` has some of `COLUMNS`."""
    columns = {name: measured[name] for name in COLUMNS if name in measured}
    scores = {name: scores_of(one) for name, one in columns.items()}
    return {
        "schema": SCHEMA,
        "model": model,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "suite": {
            "digest": suite.digest,
            "seed": suite.seed,
            "limit": limit,
            "sets": {
                name: {"cases": len(cases), "units": len({case.unit for case in cases})}
                for name, cases in suite.sets.items()
            },
        },
        "asking": msgspec.to_builtins(asking),
        **{name: _column(columns[name]) if name in columns else None for name in COLUMNS},
        "reference": _reference(suite),
        "comparisons": [
            msgspec.to_builtins(one)
            for one in _comparisons(scores, units_of(suite), earlier, model)
        ],
        "outcomes": {
            name: {key: _packed(row) for key, row in s.items()} for name, s in scores.items()
        },
        "examples": {name: _examples(one, suite) for name, one in columns.items()},
    }


def scores_of(measured: Measured) -> dict[str, list[float]]:
    """How right each case was, by set."""
    return {name: [one.right for one in found] for name, found in measured.outcomes.items()}


def units_of(suite: Suite) -> dict[str, list[str]]:
    """The unit of each case, by set."""
    return {name: [case.unit for case in cases] for name, cases in suite.sets.items()}


def read_scores(results: Mapping[str, Any], suite: Suite, column: str = "tuned") -> Scores | None:
    """How right a model was by its results; None unless it was asked the very same cases.

    Raises ModelError for results that do not hold what they should.
    """
    try:
        if results["suite"]["digest"] != suite.digest or results.get(column) is None:
            return None
        found = {name: _unpacked(row) for name, row in results["outcomes"][column].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the validation results are damaged ({type(error).__name__}: {error}); run "
            "`understudy validate` for that model again"
        ) from error
    fits = all(len(found.get(name, ())) == len(cases) for name, cases in suite.sets.items())
    return found if fits else None


def _comparisons(
    scores: Mapping[str, Scores], units: Units, earlier: Earlier | None, model: str
) -> list[SetComparison]:
    found: list[SetComparison] = []
    for before, after in _PAIRS:
        if before in scores and after in scores:
            found += compare(before, after, scores[before], scores[after], units)
    if earlier is not None and "tuned" in scores:
        found += compare(earlier.ref, model or "tuned", earlier.scores, scores["tuned"], units)
    return found


def _column(measured: Measured) -> dict[str, Any]:
    outcomes = measured.outcomes
    calling = {one.name for one in SETS if one.calls}
    everything = [one for found in outcomes.values() for one in found]
    of_calls = [one for name in outcomes if name in calling for one in outcomes[name]]
    judged = [one.judged for one in everything if one.judged is not None]
    facts: dict[str, Any] = {
        "name": measured.name,
        **_rate("tool_call_accuracy", outcomes.get(_HEADLINE, ())),
        "sets": {name: _set(found) for name, found in outcomes.items()},
        "tool_call_wellformed": _wellformed(of_calls),
        **_rate("response_quality", everything, "good"),
        "response_quality_parts": {
            part: _rounded(fmean(getattr(one.quality, part) for one in everything))
            for part in PARTS
            if everything
        },
        **_rate("context_awareness", outcomes.get(_CONTEXT, ())),
        "tokens_per_second": _rounded(measured.tokens_per_second),
        "memory_mb": _rounded(measured.memory_mb),
        "answers": measured.answers,
        "seconds": _rounded(measured.seconds),
        "failures": _failures(of_calls),
    }
    if judged:
        facts["judged"] = _rounded(fmean(judged))
        facts["judged_ci"] = [_rounded(end) for end in mean_interval(judged)]
    return facts


def _set(found: Sequence[Outcome]) -> dict[str, Any]:
    states = [one.state for one in found if one.state is not None]
    return {
        **_rate("accuracy", found),
        "state_accuracy": _rounded(fmean(states)) if states else None,
        "right_every_time": _rounded(fmean(one.right == 1 for one in found)) if found else None,
        "wellformed": _wellformed(found),
        "cases": len(found),
        "units": len({one.unit for one in found}),
        "failures": _failures(found),
    }


def _rate(name: str, found: Sequence[Outcome], of: str = "right") -> dict[str, Any]:
    told = rate([getattr(one, of) for one in found], [one.unit for one in found])
    if told is None:
        return {name: None, f"{name}_ci": None}
    return {
        name: _rounded(told.value),
        f"{name}_ci": [_rounded(told.low), _rounded(told.high)],
    }


def _wellformed(found: Sequence[Outcome]) -> float | None:
    """The share of attempted calls that the tools' schemas accept; None where nobody tried."""
    attempted = sum(one.given for one in found)
    return _rounded(sum(one.readable for one in found) / attempted) if attempted else None


def _failures(found: Sequence[Outcome]) -> dict[str, int]:
    """In how many cases each fault occurs, once or more."""
    counts = Counter(kind for one in found for kind in {fault.type for fault in one.failures})
    return {kind: counts[kind] for kind in FAILURE_TYPES if counts[kind]}


def _reference(suite: Suite) -> dict[str, Any] | None:
    """What the answers that people wrote score as responses: the mark to compare with."""
    written = [case for case in suite if case.reference]
    if not written:
        return None
    found = [measure_quality(case.messages, case.reference) for case in written]
    parts = {part: _rounded(fmean(getattr(one, part) for one in found)) for part in PARTS}
    good = _rounded(fmean(one.good for one in found))
    return {"answers": len(found), "response_quality": good, "response_quality_parts": parts}


def _examples(measured: Measured, suite: Suite) -> list[dict[str, Any]]:
    """Failed cases in words, as many of each set as there is room for."""
    of_each = max(1, _EXAMPLES // max(1, len(suite.sets)))
    examples: list[dict[str, Any]] = []
    for name, cases in suite.sets.items():
        wrong = (
            {
                "case": case.id,
                "said": str(case.messages[-1]["content"]),
                "due": _due(case),
                "answer": one.answer,
                "failures": [msgspec.to_builtins(fault) for fault in one.failures],
            }
            for case, one in zip(cases, measured.outcomes[name], strict=True)
            if one.right < 1
        )
        examples += [found for found, _ in zip(wrong, range(of_each), strict=False)]
    return examples


def _due(case: Case) -> str:
    if case.tells:
        return f"words that say {', '.join(case.tells)}"
    return " ".join(write_call(one.canonical()) for one in case.expected) or "no call"


def _packed(row: Sequence[float]) -> str | list[float]:
    """``"1101"`` where every case is right or wrong."""
    if all(value in (0, 1) for value in row):
        return "".join(str(int(value)) for value in row)
    return [round(value, _DIGITS) for value in row]


def _unpacked(row: Any) -> list[float]:
    return [float(value) for value in row]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
