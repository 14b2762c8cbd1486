"""Intervals: what is known of shares, and what a bootstrap has to keep."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.evaluate.compare import compare
from understudy.evaluate.intervals import mean_interval, paired, rate, wilson

ALONE = [f"case {number}" for number in range(1000)]


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (485, 500, 0.951, 0.982),
    ],
)
def test_shares_have_wilsons_interval(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits / of, of) == pytest.approx((low, high), abs=1e-3)


def test_cases_of_one_group_make_no_interval_narrower() -> None:
    values = [1.0, 0.0] * 50
    alone = rate(values, ALONE[:100])
    grouped = rate(
        [v for v in values for _ in range(5)], [u for u in ALONE[:100] for _ in range(5)]
    )
    assert alone is not None
    assert grouped is not None
    assert (grouped.low, grouped.high) == (alone.low, alone.high)
    assert (grouped.cases, grouped.units) == (500, 100)


def test_there_is_no_share_of_nothing() -> None:
    assert rate([], []) is None


def test_pairing_sees_what_two_separate_intervals_cannot() -> None:
    chance = random.Random(1)
    before = [float(chance.random() < 0.5) for _ in range(300)]
    after = [max(value, float(number % 20 == 0)) for number, value in enumerate(before)]
    difference = paired(before, after, ALONE[:300])
    assert difference.verdict == "better"
    one, other = rate(before, ALONE[:300]), rate(after, ALONE[:300])
    assert one is not None
    assert other is not None
    assert one.high > other.low  # apart from each other they would show nothing


def test_the_same_answers_show_no_difference() -> None:
    values = [1.0, 0.0, 1.0, 1.0]
    same = paired(values, values, ALONE[:4])
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert same.verdict == "no difference shown"


def test_a_difference_in_one_group_alone_is_not_shown() -> None:
    before, after = [0.0] * 20, [1.0] * 10 + [0.0] * 10
    units = ["one turn"] * 10 + ["another"] * 10
    assert paired(before, after, ALONE[:20]).verdict == "better"
    assert paired(before, after, units).verdict == "no difference shown"


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_an_interval_holds_its_own_value(pairs: list[tuple[float, float]]) -> None:
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    found = paired(before, after, ALONE[: len(pairs)])
    assert -1 - 1e-9 <= found.low <= found.high <= 1 + 1e-9
    mirrored = paired(after, before, ALONE[: len(pairs)])
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    low, high = mean_interval(before)
    assert low - 1e-9 <= fmean(before) + 0.5
    assert low <= high


@pytest.mark.slow
def test_ninety_five_of_a_hundred_intervals_hold_the_truth() -> None:
    held = 0
    for seed in range(60):
        chance = random.Random(seed)
        before = [float(chance.random() < 0.5) for _ in range(120)]
        after = [float(chance.random() < 0.7) for _ in range(120)]
        found = paired(before, after, ALONE[:120])
        held += found.low <= 0.2 <= found.high
    assert held >= 53


def test_sets_that_only_one_model_answered_are_not_compared() -> None:
    units = {"a": ["1", "2"], "b": ["1"], "empty": []}
    found = compare("old", "new", {"a": [0, 0], "empty": []}, {"a": [1, 1], "b": [1]}, units)
    assert [(one.set, one.difference, one.verdict) for one in found] == [("a", 1.0, "better")]
