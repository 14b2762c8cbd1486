"""What a model has to reach, and how it is told that it has not."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.errors import UsageError
from understudy.evaluate.gate import unmet


def results(base: float | None, tuned: float, quantized: float | None) -> dict[str, Any]:
    def column(share: float | None) -> dict[str, Any] | None:
        if share is None:
            return None
        return {"tool_call_accuracy": share, "sets": {"combinations": {"accuracy": share}}}

    return {
        "suite": {"sets": {"combinations": {}}},
        "base": column(base),
        "tuned": column(tuned),
        "quantized": column(quantized),
    }


def test_a_model_that_is_better_than_its_base_and_loses_little_passes() -> None:
    assert unmet(results(0.0, 0.97, 0.94), {"combinations": 0.97}) == []
    assert unmet(results(None, 0.5, None)) == []


@pytest.mark.parametrize(
    ("found", "reach", "reason"),
    [
        (results(0.0, 0.969, 0.969), {"combinations": 0.97}, "96.9%, where 97.0% is to be reached"),
        (results(0.0, 0.97, 0.93), {}, "quantising cost 4.0%, where at most 3.0% may be lost"),
        (results(0.5, 0.5, None), {}, "the tuned model calls tools no better than its base"),
        (results(0.0, 0.5, None), {"values": 0.1}, "it was not asked"),
    ],
)
def test_what_falls_short_is_named_with_both_numbers(
    found: dict[str, Any], reach: dict[str, float], reason: str
) -> None:
    reasons = unmet(found, reach)
    assert len(reasons) == 1
    assert reason in reasons[0]


def test_any_loss_is_allowed_where_none_is_forbidden() -> None:
    assert unmet(results(0.0, 0.9, 0.2), most_lost=None) == []


def test_a_demand_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError, match="no validation set 'poems'"):
        unmet(results(0.0, 1.0, None), {"poems": 0.5})
    with pytest.raises(UsageError, match="share from 0 to 1"):
        unmet(results(0.0, 1.0, None), {"combinations": 97})
