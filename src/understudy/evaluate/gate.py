"""What a model has to reach: the results of a validation against the numbers that somebody set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from understudy.errors import UsageError
from understudy.evaluate.suites import SET_NAMES, TITLES

DEFAULT_MOST_LOST = 0.03
"""How much of any set quantising may cost."""
_ALMOST = 1e-9


def unmet(
    results: Mapping[str, Any],
    reach: Mapping[str, float] | None = None,
    most_lost: float | None = DEFAULT_MOST_LOST,
) -> list[str]:
    """What the results fall short of, a sentence each; empty when they pass.

    ``reach`` is the least accuracy of the tuned model by set. Quantising may cost ``most_lost`` of
    any set; None allows any loss. Where a base was measured, the tuned model, and what ships of it,
    have to call tools better than the base. Raises UsageError for a set that there is not.
    """
    check_reach(reach or {})
    reasons = []
    for name, least in (reach or {}).items():
        found = _accuracy(results, "tuned", name)
        if found is None:
            reasons.append(f"{TITLES[name]}: {least:.1%} is to be reached, and it was not asked")
        elif found < least - _ALMOST:
            reasons.append(f"{TITLES[name]}: {found:.1%}, where {least:.1%} is to be reached")
    for name in results["suite"]["sets"]:
        tuned, small = (_accuracy(results, column, name) for column in ("tuned", "quantized"))
        if tuned is None or small is None or most_lost is None:
            continue
        if small < tuned - most_lost - _ALMOST:
            reasons.append(
                f"{TITLES[name]}: quantising cost {tuned - small:.1%}, where at most "
                f"{most_lost:.1%} may be lost"
            )
    base = (results.get("base") or {}).get("tool_call_accuracy")
    for column in ("tuned", "quantized"):
        own = (results.get(column) or {}).get("tool_call_accuracy")
        if base is not None and own is not None and own <= base:
            reasons.append(f"the {column} model calls tools no better than its base ({own:.1%})")
    return reasons


def check_reach(reach: Mapping[str, float]) -> None:
    """UsageError for a set that there is not, or a share that is none."""
    for name, least in reach.items():
        if name not in SET_NAMES:
            raise UsageError(
                f"there is no validation set {name!r}; choose of {', '.join(SET_NAMES)}"
            )
        if not 0 <= least <= 1:
            raise UsageError(f"{name} cannot reach {least:g}; give a share from 0 to 1")


def _accuracy(results: Mapping[str, Any], column: str, name: str) -> float | None:
    found = (results.get(column) or {}).get("sets", {}).get(name) or {}
    accuracy = found.get("accuracy")
    return None if accuracy is None else float(accuracy)
