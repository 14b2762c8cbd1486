"""Two versions of a model by what they were measured to do."""

from __future__ import annotations

from typing import Any

import pytest
from tests.evaluate.knowing_model import KnowingModel
from tests.evaluate.test_play_scores import episode, result
from tests.models.weights import add

import understudy
from understudy.cli.main import main
from understudy.errors import ModelError
from understudy.evaluate.measuring import Asking, measure_model
from understudy.evaluate.playing import facts
from understudy.evaluate.results import build_results
from understudy.evaluate.suites import build_suite
from understudy.evaluate.versions import score_changes
from understudy.models.registry import PLAYING, VALIDATION, ModelVersion, add_result

SETS = ("combinations", "context")


def validated(knows: float, limit: int = 40) -> dict[str, Any]:
    """The results of a model that knows this share of the answers."""
    suite = build_suite(SETS, limit=limit)
    measured = measure_model(lambda: KnowingModel(suite, knows, "model"), suite)
    return build_results(suite, {"tuned": measured}, asking=Asking(), limit=limit)


def versions(ws: understudy.Workspace, file: str, *results: dict[str, Any]) -> list[ModelVersion]:
    made = [add(ws) for _ in results]
    for version, result_of in zip(made, results, strict=True):
        add_result(version, file, result_of)
    return made


@pytest.mark.slow
def test_the_same_cases_are_compared_in_pairs(ws: understudy.Workspace) -> None:
    found = score_changes(*versions(ws, VALIDATION, validated(0.2), validated(1.0)))
    assert [(one.weights, one.what) for one in found] == [
        ("tuned", "combinations never seen"),
        ("tuned", "told facts"),
    ]
    for one in found:
        assert one.after == 1
        low, high = one.difference_ci or (0, 0)
        assert 0 < low <= one.after - one.before <= high
        assert one.verdict == "better"


def test_of_other_cases_nothing_is_concluded(ws: understudy.Workspace) -> None:
    found = score_changes(*versions(ws, VALIDATION, validated(0.0, limit=30), validated(1.0)))
    assert {one.verdict for one in found} == {"they were asked different cases"}
    assert {one.difference_ci for one in found} == {None}
    assert all(one.before == 0 and one.after == 1 for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"digest": "of old"}, {"sets": {"a set of old": {}}}])
def test_cases_that_are_no_longer_made_are_said_to_be(
    ws: understudy.Workspace, change: dict[str, Any]
) -> None:
    results = [validated(0.0), validated(1.0)]
    for one in results:
        one["suite"] |= change
    found = score_changes(*versions(ws, VALIDATION, *results))
    assert {(one.verdict, one.difference_ci) for one in found} == {
        ("these cases are no longer made", None)
    }


def test_how_both_play_is_compared_on_the_starts_that_both_played(ws: understudy.Workspace) -> None:
    lost = result("dm", *(episode("a", seed, success=False) for seed in range(20)))
    won = result("dm", *(episode("a", seed, success=True) for seed in range(20)))
    (one,) = score_changes(*versions(ws, PLAYING, facts(lost), facts(won)))
    assert (one.what, one.before, one.after, one.verdict) == ("playing pocket", 0, 1, "better")


@pytest.mark.slow
@pytest.mark.parametrize("damage", [{"sets": {"combinations": {}}}, {"sets": []}, [1], 7])
def test_damaged_results_are_named_with_what_makes_them_anew(
    ws: understudy.Workspace, damage: Any
) -> None:
    before, after = versions(ws, VALIDATION, validated(1.0), validated(1.0) | {"tuned": damage})
    with pytest.raises(ModelError, match=r"dm@v0001 or dm@v0002 is damaged.*understudy validate"):
        score_changes(before, after)


@pytest.mark.slow
def test_the_command_shows_a_line_for_each_set_and_no_single_answer(
    ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    versions(ws, VALIDATION, validated(0.0), validated(1.0))
    assert main(["model", "compare", "dm@v0001", "dm@v0002", "-w", str(ws.path)]) == 0
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "combinations never seen" in line]
    assert "+100.0 [" in line
    assert line.endswith("better")
    assert max(map(len, shown.splitlines())) < 160


def test_the_command_says_when_there_is_nothing_to_compare(
    ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    add(ws)
    add(ws)
    assert main(["model", "compare", "dm@v0001", "dm@v0002", "-w", str(ws.path)]) == 0
    assert "They were not both measured" in capsys.readouterr().out
