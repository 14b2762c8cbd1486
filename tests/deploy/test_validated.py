"""Whether a model may ship, read from what its validation says."""

from __future__ import annotations

import pytest

from understudy.deploy.validated import reasons_against

SHA = "a" * 64


def results(base, tuned, quantised, **more):
    rows = {"base": base, "tuned": tuned, "quantized": quantised}
    return {k: v if v is None else {"tool_call_accuracy": v} for k, v in rows.items()} | more


@pytest.mark.parametrize(
    ("found", "reasons"),
    [
        (None, ["it was not validated"]),
        (results(0.02, 0.97, 0.95), []),
        (results(None, 0.97, 0.95), []),
        (results(0.02, 0.97, 0.9), ["quantising cost 7.0% of the calls"]),
        (
            results(0.5, 0.5, 0.5),
            ["it calls tools no better than its base (50.0% of calls are right)"],
        ),
        (
            results(0.02, 0.97, None),
            ["its validation says nothing of the tuned and the quantised model"],
        ),
        (results(0.02, 0.1, 0.1, passed=True), []),
        (results(0.02, 0.97, 0.97, passed=False, reasons=["too few"]), ["too few"]),
        (
            results(0.02, 0.97, 0.97, passed=False),
            ["its validation says that it did not pass"],
        ),
    ],
)
def test_a_model_ships_for_these_results_and_no_others(found, reasons):
    assert reasons_against(found, SHA) == reasons


def test_results_of_another_file_say_nothing_of_this_one():
    found = results(0.02, 0.97, 0.97, passed=True)
    found["quantized"]["sha256"] = "b" * 64
    assert reasons_against(found, SHA) == ["another file than this one was validated"]
    found["quantized"]["sha256"] = SHA
    assert reasons_against(found, SHA) == []
