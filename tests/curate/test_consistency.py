"""How alike two ways are is the edit distance of their actions, averaged over pairs."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.curate.consistency import mean_similarity

ACTIONS = ("press_a", "press_b", "press_down*2", "wait")
PATHS = st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=8).map(" ".join)


def expanded(path):
    return [
        name
        for name, _, times in (part.partition("*") for part in path.split(" "))
        for _ in range(int(times or 1))
    ]


def edits(one, other):
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        row, before = [i], row
        for j, right in enumerate(other, 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (left != right)))
    return row[-1]


def by_definition(paths):
    ways = list(map(expanded, paths))
    pairs = list(combinations(ways, 2))
    return sum(1 - edits(a, b) / max(len(a), len(b)) for a, b in pairs) / len(pairs)


@pytest.mark.slow
@given(st.lists(PATHS, min_size=2, max_size=9))
def test_the_mean_is_that_of_the_definition(paths):
    assert mean_similarity(paths) == pytest.approx(by_definition(paths))


def test_the_same_way_twice_is_wholly_alike_and_another_not_at_all():
    assert mean_similarity(["press_a*3 press_b", "press_a*3 press_b"]) == 1
    assert mean_similarity(["press_a", "press_b"]) == 0


def test_an_action_counts_as_often_as_it_was_done():
    assert mean_similarity(["press_a*4", "press_a press_a*2"]) == pytest.approx(0.75)


def test_of_many_pairs_a_sample_comes_near_and_is_always_the_same():
    chance = random.Random(1)
    paths = [" ".join(chance.choice(ACTIONS) for _ in range(8)) for _ in range(60)]
    sampled = mean_similarity(paths)
    assert sampled == mean_similarity(list(reversed(paths)))
    assert sampled == pytest.approx(by_definition(paths), abs=0.03)


def test_a_count_beyond_all_measure_costs_no_memory():
    assert mean_similarity(["press_a*999999999999", "press_a*5"]) < 0.1
