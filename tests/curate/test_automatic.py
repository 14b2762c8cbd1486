"""The rule scores by what anyone can see of a session, within the bands of the guide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.playing import played_row

from understudy.curate.automatic import AUTHOR, score_by_rule
from understudy.curate.played import unchecked

COUNTS = st.integers(0, 60)


def score(**facts):
    return score_by_rule(played_row(**facts)).score


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"steps": 10, "reference_steps": 10}, 10),
        ({"steps": 7, "reference_steps": 10}, 10),
        ({"steps": 11, "reference_steps": 10}, 9),
        ({"steps": 10, "reference_steps": 10, "no_effect": 1}, 9),
        ({"steps": 12, "reference_steps": 10}, 8),
        ({"steps": 15, "reference_steps": 10, "no_effect": 3}, 8),
        ({"steps": 16, "reference_steps": 10}, 7),
        ({"steps": 12, "reference_steps": 10, "repeated": 6}, 7),
        ({"steps": 5, "reference_steps": None}, 9),
        ({"steps": 5, "reference_steps": None, "no_effect": 2}, 7),
    ],
)
def test_a_completed_task_is_scored_by_its_detours(facts, expected):
    assert score(**facts) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"conditions": 4, "missing": 1}, 6),
        ({"conditions": 4, "missing": 1, "no_effect": 8}, 5),
        ({"conditions": 4, "missing": 2}, 4),
        ({"conditions": 4, "missing": 3, "repeated": 8}, 3),
        ({"conditions": 1, "missing": 1}, 2),
        ({"conditions": 1, "missing": 1, "no_effect": 8}, 1),
    ],
)
def test_a_task_that_was_not_completed_is_scored_by_how_much_of_its_check_holds(facts, expected):
    assert score(steps=15, success=False, **facts) == expected


def test_a_wrong_answer_alone_is_not_mostly_completed():
    """Of a report task, giving a report is one of two conditions."""
    assert score(steps=4, success=False, completion="failure", conditions=2, missing=1) <= 4


@given(st.integers(0, 60), st.integers(1, 30), COUNTS, COUNTS, st.booleans(), st.data())
def test_every_score_is_on_the_scale_and_on_its_side_of_success(
    steps, reference, no_effect, repeated, success, data
):
    conditions = data.draw(st.integers(1, 6))
    missing = 0 if success else data.draw(st.integers(1, conditions))
    found = score_by_rule(
        played_row(
            steps=steps,
            success=success,
            reference_steps=reference,
            no_effect=no_effect,
            repeated=repeated,
            conditions=conditions,
            missing=missing,
        )
    )
    assert 7 <= found.score <= 10 if success else 1 <= found.score <= 6
    assert found.comment
    assert "check-v1" in found.reason


@given(st.integers(1, 40), st.integers(1, 30), COUNTS, st.booleans())
def test_a_further_detour_or_needless_action_never_scores_higher(
    steps, reference, needless, success
):
    facts = {"success": success, "reference_steps": reference, "missing": 0 if success else 1}
    now = score(steps=steps, no_effect=min(needless, steps), **facts)
    assert score(steps=steps, no_effect=min(needless, steps) + 1, **facts) <= now
    if success:
        assert score(steps=steps + 1, no_effect=min(needless, steps) + 1, **facts) <= now


@pytest.mark.parametrize("success", [True, False])
def test_what_a_player_notes_of_its_own_mistakes_is_not_looked_at(success):
    noted = played_row(steps=9, success=success, mistakes=5)
    unnoted = played_row(steps=9, success=success)
    assert score_by_rule(noted) == score_by_rule(unnoted)


def test_an_action_that_is_both_repeated_and_without_effect_is_counted_once():
    both = score(steps=4, no_effect=1, repeated=1)
    assert both == score(steps=4, no_effect=1) == score(steps=4, repeated=1)


def test_the_score_says_in_words_what_was_seen_and_why():
    found = score_by_rule(played_row(steps=6, reference_steps=4, no_effect=1, repeated=1))
    assert found.comment == (
        "The check passed, after 6 steps (reference 4); 1 without effect, 1 repeated."
    )
    assert found.reason == (
        "check-v1: completed 50% over the reference steps, 1 needless action; good execution"
    )
    failed = score_by_rule(played_row(steps=15, success=False, conditions=3, missing=1))
    assert failed.comment.startswith("The check failed, 2 of 3 conditions met, after 15 steps")


def test_the_author_of_its_scores_is_no_person_and_names_the_rule():
    assert AUTHOR == "auto:check-v1"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (played_row(conditions=0, success=None), "asked freely, without a check"),
        (played_row(success=False, completion="error"), "not played to an end"),
        (played_row(success=False, completion="interrupted"), "not played to an end"),
        (played_row(success=None, completion="success"), "not played to an end"),
        (played_row(success=False, completion="quit"), None),
        (played_row(success=False, completion="failure"), None),
    ],
)
def test_what_was_not_checked_or_was_cut_off_is_not_scored(row, why):
    assert unchecked(row) == why
