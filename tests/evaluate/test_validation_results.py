"""A model is asked a suite; what comes of it stands in the results, the report, and the gate."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from tests.evaluate.knowing_model import KnowingModel

from understudy.errors import ModelError
from understudy.evaluate import report
from understudy.evaluate.cases import Case
from understudy.evaluate.measuring import Asking, Measured, measure_model
from understudy.evaluate.results import Earlier, build_results, read_scores, scores_of
from understudy.evaluate.suites import SET_NAMES, Suite, build_suite

LIMIT = 24


@pytest.fixture(scope="module")
def suite() -> Suite:
    return build_suite(limit=LIMIT)


Ask = Callable[..., Measured]


@pytest.fixture(scope="module")
def ask(suite: Suite) -> Ask:
    def asked(knows: float, name: str = "model", **how: Any) -> Measured:
        return measure_model(lambda: KnowingModel(suite, knows, name), suite, **how)

    return asked


@pytest.fixture(scope="module")
def results(suite: Suite, ask: Ask) -> dict[str, Any]:
    measured = {
        "base": ask(0.0),
        "tuned": ask(1.0),
        "quantized": ask(0.9),
        "in_game": ask(0.95),
    }
    earlier = Earlier("dm@v0001", scores_of(ask(0.5)))
    return build_results(
        suite, measured, asking=Asking(), limit=LIMIT, model="dm@v0002", earlier=earlier
    )


@pytest.mark.slow
def test_every_model_has_the_scores_that_the_contract_names(results: dict[str, Any]) -> None:
    for column in ("base", "tuned", "quantized", "in_game"):
        facts = results[column]
        for name in ("tool_call_accuracy", "response_quality", "context_awareness"):
            low, high = facts[f"{name}_ci"]
            assert 0 <= low <= facts[name] <= high <= 1
        assert {*facts["sets"]} == {*SET_NAMES}
        assert facts["tokens_per_second"] == pytest.approx(2000)
        assert "tool_call_wellformed" in facts
        assert "failures" in facts
    assert json.loads(json.dumps(results)) == results


@pytest.mark.slow
def test_who_knows_everything_scores_everything_and_who_knows_nothing_nothing(
    results: dict[str, Any],
) -> None:
    assert results["tuned"]["tool_call_accuracy"] == 1
    assert results["tuned"]["context_awareness"] == 1
    assert results["tuned"]["tool_call_wellformed"] == 1
    assert results["tuned"]["failures"] == {}
    assert results["base"]["tool_call_accuracy"] == 0
    assert results["base"]["tool_call_wellformed"] == 0
    assert results["base"]["failures"]["called_without_need"] > 0
    assert all(facts["accuracy"] == 0 for facts in results["base"]["sets"].values())


def test_base_tuned_quantised_and_the_version_before_are_compared_in_pairs(
    results: dict[str, Any],
) -> None:
    pairs = {(one["before"], one["after"]) for one in results["comparisons"]}
    assert pairs == {
        ("base", "tuned"),
        ("tuned", "quantized"),
        ("base", "quantized"),
        ("quantized", "in_game"),
        ("base", "in_game"),
        ("dm@v0001", "dm@v0002"),
    }
    better = [one for one in results["comparisons"] if one["after"] == "tuned"]
    assert all(one["verdict"] == "better" for one in better)
    assert all(one["difference_ci"] == [1, 1] for one in better)


def test_a_model_that_was_not_measured_is_none(suite: Suite, ask: Ask) -> None:
    results = build_results(suite, {"tuned": ask(1.0)}, asking=Asking(), limit=LIMIT)
    assert results["base"] is None
    assert results["quantized"] is None
    assert results["comparisons"] == []


def test_results_can_be_compared_later_only_on_the_same_cases(
    suite: Suite, ask: Ask, results: dict[str, Any]
) -> None:
    later = json.loads(json.dumps(results))
    assert read_scores(later, suite, "quantized") == scores_of(ask(0.9))
    assert read_scores(later, build_suite(limit=LIMIT, seed=2)) is None
    assert read_scores({**later, "quantized": None}, suite, "quantized") is None
    with pytest.raises(ModelError, match="damaged"):
        read_scores({**later, "outcomes": {"tuned": {"values": "1x"}}}, suite)


@pytest.mark.slow
def test_repeats_tell_what_is_right_every_time(suite: Suite, ask: Ask) -> None:
    asking = Asking(repeats=3, temperature=0.7)
    measured = ask(0.7, asking=asking)
    results = build_results(suite, {"tuned": measured}, asking=asking, limit=LIMIT)
    facts = results["tuned"]["sets"]["values"]
    assert 0 < facts["right_every_time"] < facts["accuracy"] < 1
    assert read_scores(json.loads(json.dumps(results)), suite) == {
        name: [round(value, 6) for value in row] for name, row in scores_of(measured).items()
    }


def test_the_state_of_the_table_is_told_where_calls_were_carried_out(
    suite: Suite, ask: Ask
) -> None:
    measured = ask(0.5, execute=lambda known, calls: [*map(repr, calls)])
    results = build_results(suite, {"tuned": measured}, asking=Asking(), limit=LIMIT)
    facts = results["tuned"]["sets"]["no_call"]
    assert facts["state_accuracy"] == 1  # a malformed call changes nothing
    assert facts["accuracy"] < 1
    assert "table as it should be" in report.markdown(results)


def test_a_judge_is_heard_and_its_silence_counts_as_nothing(suite: Suite, ask: Ask) -> None:
    def judge(case: Case, answer: str) -> float | None:
        return None if case.set == "wordings" else 8.0

    results = build_results(suite, {"tuned": ask(1.0, judge=judge)}, asking=Asking(), limit=LIMIT)
    assert results["tuned"]["judged"] == 8
    assert results["tuned"]["judged_ci"] == [8, 8]


def test_progress_goes_from_nothing_to_all_over_all_sets(suite: Suite, ask: Ask) -> None:
    heard: list[tuple[int, int]] = []
    ask(1.0, progress=lambda done, total: heard.append((done, total)))
    total = sum(map(len, suite.sets.values()))
    assert heard[-1] == (total, total)
    assert heard == sorted(heard)


def test_a_model_is_closed_even_when_it_breaks_down(suite: Suite) -> None:
    model = KnowingModel(suite, 1.0, "broken")
    model.answer = lambda *_, **__: 1 / 0  # type: ignore[method-assign, return-value, assignment]
    with pytest.raises(ZeroDivisionError):
        measure_model(lambda: model, suite)
    assert model.closed


def test_the_reports_hold_one_table_with_all_sets_and_the_verdicts(
    results: dict[str, Any],
) -> None:
    text = report.markdown(results)
    assert "| combinations never seen | 24 | 0.0 % [0.0, 13.8] | 100.0 % [86.2, 100.0] |" in text
    assert "| dm@v0001 | dm@v0002 |" in text
    page = report.html(results)
    assert page.count("<svg") == 6
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    ElementTree.fromstring(
        page.removeprefix("<!doctype html>").replace('<meta charset="utf-8">', "")
    )


def test_what_a_model_wrote_cannot_break_the_reports(suite: Suite, ask: Ask) -> None:
    nasty = ask(0.0)
    for found in nasty.outcomes.values():
        for place, one in enumerate(found):
            import msgspec

            found[place] = msgspec.structs.replace(one, answer="<script>| x |\n# y`")
    results = build_results(suite, {"tuned": nasty}, asking=Asking(), limit=LIMIT)
    assert "<script" not in report.html(results)
    rows = [line for line in report.markdown(results).splitlines() if "script" in line]
    assert rows
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)
