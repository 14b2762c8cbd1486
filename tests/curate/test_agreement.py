"""Agreement is computed as the textbooks say, and people are never mixed up with rules."""

from __future__ import annotations

import pytest

from understudy.curate.agreement import agreement, human_score

# Krippendorff's own example: four coders, twelve units, values missing; interval alpha is 0.849.
CODERS = {
    "human:a": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    "human:b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    "human:c": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    "human:d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
}


def sessions_of(scores):
    count = len(next(iter(scores.values())))
    return [
        {author: float(given[n]) for author, given in scores.items() if given[n] is not None}
        for n in range(count)
    ]


def test_alpha_of_the_published_example_is_the_published_one():
    found = agreement(sessions_of(CODERS)).raters
    assert found.alpha == pytest.approx(0.849, abs=0.0005)
    assert found.sessions == 11
    assert found.raters["human:b"] == 11


def test_raters_who_say_the_same_agree_perfectly():
    found = agreement(sessions_of({"human:a": [3, 8, 5], "human:b": [3, 8, 5]})).raters
    assert (found.alpha, found.mean_difference, found.within_1) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    "scores",
    [
        {"human:a": [7, 3, 5]},
        {"human:a": [7, None], "human:b": [None, 3]},
        {"human:a": [7, 7], "human:b": [7, 7]},
        {"human:a": [], "human:b": []},
    ],
)
def test_alpha_is_unknown_where_nothing_can_be_compared(scores):
    assert agreement(sessions_of(scores)).raters.alpha is None


def test_rules_and_judges_are_no_raters():
    scores = {"human:a": [3, 8], "auto:check-v1": [9, 1], "model:judge": [1, 9]}
    found = agreement(sessions_of(scores))
    assert list(found.raters.raters) == ["human:a"]
    assert found.raters.sessions == 0
    assert sorted(found.with_humans) == ["auto:check-v1", "model:judge"]


def test_a_judge_is_compared_with_the_median_of_people():
    session = {"human:a": 4.0, "human:b": 8.0, "model:judge": 9.0}
    assert human_score(session) == 6.0
    compared = agreement([session]).with_humans["model:judge"]
    assert (compared.sessions, compared.mean_difference, compared.bias) == (1, 3.0, 3.0)
    assert compared.spearman is None


def test_differences_shares_and_ranks_are_those_of_the_definition():
    human = [2, 4, 6, 8, 10]
    auto = [3, 3, 8, 8, 7]
    compared = agreement(sessions_of({"human:a": human, "auto:x": auto})).with_humans["auto:x"]
    assert compared.mean_difference == pytest.approx(7 / 5)
    assert compared.bias == pytest.approx(-1 / 5)
    assert (compared.within_1, compared.within_2) == (0.6, 0.8)
    # Ranks 1 2 3 4 5 against 1.5 1.5 4.5 4.5 3.
    assert compared.spearman == pytest.approx(0.6324555)


def test_a_session_without_a_person_is_not_compared():
    assert agreement([{"auto:x": 5.0}]).with_humans == {}


def test_ranks_say_nothing_where_one_side_never_changes():
    scores = {"human:a": [5, 5, 5], "auto:x": [1, 2, 3]}
    assert agreement(sessions_of(scores)).with_humans["auto:x"].spearman is None
