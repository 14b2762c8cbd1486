"""Which steps of a session failed, and how: one kind for each, the one that says most."""

from __future__ import annotations

import pytest

from understudy.games.game import Action
from understudy.players.error_analysis import ErrorAnalysis


def analysed(*steps):
    """Each step is an action and what is not as in a step that went well."""
    analysis = ErrorAnalysis()
    for number, (action, given) in enumerate(steps, start=1):
        settings = {"screen": "a", "effect": True, "wrong_report": False, "facts": {}} | given
        analysis.add(number, Action.parse(action), **settings)
    return analysis.content(completion="step_limit", missing=("x == 1",))


def kinds(*steps):
    return [(failed["step"], failed["kind"]) for failed in analysed(*steps)["failed_steps"]]


VAIN = {"effect": False}


def test_a_session_in_which_all_went_well_has_nothing_to_tell():
    assert analysed(("press_a", {}), ("report: all", VAIN)) == {
        "completion_status": "step_limit",
        "missing": ["x == 1"],
        "by_kind": {},
        "failed_steps": [],
    }


def test_a_step_that_changed_nothing_has_no_effect():
    assert kinds(("press_a", {}), ("press_a", VAIN)) == [(2, "no_effect")]


def test_waiting_and_reporting_are_not_expected_to_change_anything():
    assert kinds(("wait", VAIN), ("report: all", VAIN)) == []


def test_the_same_in_vain_again_is_repeated():
    assert kinds(("press_a", VAIN), ("press_b", VAIN), ("press_a", VAIN)) == [
        (1, "no_effect"),
        (2, "no_effect"),
        (3, "repeated"),
    ]


def test_the_same_on_another_picture_or_after_an_effect_is_not_repeated():
    assert kinds(
        ("press_a", VAIN),
        ("press_a", {"screen": "b", **VAIN}),
        ("press_up", {}),
        ("press_up", VAIN),
    ) == [(1, "no_effect"), (2, "no_effect"), (4, "no_effect")]


@pytest.mark.parametrize(
    ("given", "kind", "detail"),
    [
        ({"facts": {"refused": "no JSON"}}, "refused", "no JSON"),
        ({"wrong_report": True}, "wrong_report", "two potions"),
        ({"facts": {"mistake": True}}, "mistake", None),
        ({"facts": {"settled": False}}, "unsettled", None),
    ],
)
def test_what_is_known_of_a_step_says_more_than_that_nothing_changed(given, kind, detail):
    action = "report: two potions" if kind == "wrong_report" else "press_a"
    [failed] = analysed((action, given | VAIN))["failed_steps"]
    expected = {"step": 1, "action": action, "kind": kind}
    assert failed == expected | ({} if detail is None else {"detail": detail})


def test_a_game_that_settles_or_does_not_tell_is_no_failure():
    assert kinds(("press_a", {"facts": {"settled": True}}), ("press_a", {"facts": {}})) == []


def test_the_kinds_are_counted_the_commonest_first():
    counted = analysed(
        ("press_a", {"facts": {"mistake": True}}), ("press_a", VAIN), ("press_b", VAIN)
    )
    assert list(counted["by_kind"].items()) == [("no_effect", 2), ("mistake", 1)]
