"""Reports: what counts as having named what is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.games.condition_reader import Reader
from understudy.games.conditions import Moment
from understudy.games.reports import counted, names_number, names_word

MEMORY = {
    "money": 1250,
    "area": "fern_town",
    "asleep": False,
    "bag": {
        "potion": {"count": 3},
        "super_potion": {"count": 2},
        "antidote": {"count": 0},
        "berry": {"count": 1},
    },
    "party": [{"species": "mole", "hp": 12}, {"species": "newt", "hp": 0}],
}
EACH = {
    "mentions_each": "bag",
    "where": {"path": "count", "op": ">", "value": 0},
    "number": "count",
    "only": True,
}


def told(condition, report):
    return Reader(MEMORY).read(condition).holds(Moment(MEMORY, MEMORY, report))


@pytest.mark.parametrize(
    "report",
    [
        "3 Potions, 2 Super Potions, 1 Berry",
        "I have three potions, two super potions and a berry.",
        "Potion x3; Super Potion x2; Berry x1",
        "- Potion: 3\n- Super Potion: 2\n- Berry: 1\n- Antidote: 0",
        "POTION 3 SUPER POTION 2 BERRY 1",
        "2 super potions & 3 potions & 1 berry, but no antidotes",
        "1 berries, 3 x Potion, Super Potion (2)",
    ],
)
def test_a_right_report_is_taken(report):
    assert told(EACH, report)


@pytest.mark.parametrize(
    "report",
    [
        "",
        "3 Potions, 2 Super Potions",
        "2 Potions, 3 Super Potions, 1 Berry",
        "3 Super Potions, 2 Super Potions, 1 Berry",
        "Potions, Super Potions and Berries",
        "3 Potions, 2 Super Potions, 1 Berry, 1 Antidote",
        "3 Potions, 2 Super Potions, 1 Berry and Antidotes",
        "33 Potions, 2 Super Potions, 1 Berry",
        "6 items",
    ],
)
def test_a_wrong_report_is_not(report):
    assert not told(EACH, report)


def test_without_only_more_may_be_told():
    condition = {key: value for key, value in EACH.items() if key != "only"}
    assert told(condition, "3 Potions, 2 Super Potions, 1 Berry, 5 Antidotes")


def test_elements_may_be_named_by_a_field():
    condition = {"mentions_each": "party", "name": "species", "number": "hp"}
    assert told(condition, "Mole has 12 HP and Newt 0 HP")
    assert not told(condition, "Mole has 12 HP")


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        ("money", "I have 1,250 coins", "I have 12 coins and 50 more"),
        ("money", "1250", "11250"),
        ("area", "We are in Fern Town.", "We are in a town"),
        ("asleep", "No, it is not.", "Yes, no question"[:3]),
        ("bag.berry.count", "just one", "a few"),
    ],
)
def test_a_value_is_mentioned_or_not(path, right, wrong):
    assert told({"mentions": path}, right)
    assert not told({"mentions": path}, wrong)


def test_all_of_several_values_must_be_mentioned():
    assert told({"mentions": ["money", "area"]}, "1250 in Fern Town")
    assert not told({"mentions": ["money", "area"]}, "1250 in a town")


def test_one_of_several_texts_is_enough():
    assert told({"says": ["healthy", "fine"]}, "They are fine.")
    assert not told({"says": ["healthy", "fine"]}, "They are finer.")


def test_without_a_report_nothing_is_told():
    assert not told(EACH, None)
    assert not told({"mentions": "money"}, None)
    assert not told({"says": "x"}, None)


def test_a_word_inside_another_is_not_named():
    assert not names_word("the antidotes", "dot")
    assert names_word("two berries", "berry")
    assert not names_number("room 101", 1)
    assert counted("2 super potions", ["potion", "super_potion"]) == {
        "potion": [],
        "super_potion": [2],
    }


@given(st.text())
def test_no_text_is_too_strange_to_be_judged(text):
    assert isinstance(told(EACH, text), bool)
