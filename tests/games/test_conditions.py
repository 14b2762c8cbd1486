"""The language of checks: what each condition means, and what is refused before it is played."""

from __future__ import annotations

import pytest

from understudy.games.condition_reader import Reader
from understudy.games.conditions import Ever, Moment
from understudy.games.toml_file import WrongPlace

START = {
    "money": 500,
    "area": "town",
    "bag": {"potion": {"count": 1}, "antidote": {"count": 0}},
    "party": [{"hp": 20, "max_hp": 20, "status": "ok"}, {"hp": 0, "max_hp": 9, "status": "poison"}],
    "badges": {"fern": False},
    "steps": [1, 2, 3],
}
NOW = START | {
    "money": 300,
    "area": "shop",
    "bag": {"potion": {"count": 3}, "antidote": {"count": 0}},
}
WORDS = {"area": ("town", "shop"), "party.0.status": ("ok", "poison")}


def reader():
    return Reader(START, lambda path: WORDS.get(path, ()))


def holds(condition, now=NOW, report=None):
    return reader().read(condition).holds(Moment(now, START, report))


@pytest.mark.parametrize(
    "condition",
    [
        {"path": "bag.potion.count", "op": ">=", "value": 3},
        {"path": "money", "value": 300},
        {"path": "money", "op": "==", "value": -200, "since": "start"},
        {"path": "money", "op": "changed"},
        {"path": "bag.antidote.count", "op": "unchanged"},
        {"path": "area", "op": "in", "value": ["shop", "town"]},
        {"path": "area", "op": "not in", "value": ["town"]},
        {"path": "party.0.hp", "op": "==", "than": "party.0.max_hp"},
        {"path": "steps", "op": "contains", "value": 2},
        {"path": "badges.fern", "value": False},
        {"all": [{"path": "area", "value": "shop"}, {"path": "money", "op": "<", "value": 500}]},
        {"any": [{"path": "area", "value": "town"}, {"path": "money", "value": 300}]},
        {"not": {"path": "area", "value": "town"}},
        {"some": "party", "where": {"path": "hp", "value": 0}},
        {"every": "party", "where": {"path": "hp", "op": "<=", "than": "max_hp"}},
        {"count": "party", "where": {"path": "status", "value": "ok"}, "op": "==", "value": 1},
        {
            "some": "bag",
            "where": {"all": [{"path": "key", "value": "potion"}, {"path": "count", "value": 3}]},
        },
        {"count": "steps", "where": {"path": "value", "op": ">", "value": 1}, "value": 2},
    ],
)
def test_a_condition_holds_and_its_opposite_does_not(condition):
    assert holds(condition)
    assert not holds({"not": condition})


@pytest.mark.parametrize(
    "condition",
    [
        {"path": "money", "op": ">", "value": 300},
        {"every": "party", "where": {"path": "hp", "op": ">", "value": 0}},
        {"all": [{"path": "area", "value": "shop"}, {"path": "money", "value": 1}]},
        {"any": [{"path": "area", "value": "town"}, {"path": "money", "value": 1}]},
    ],
)
def test_a_condition_that_is_not_so_does_not_hold(condition):
    assert not holds(condition)


def test_ever_remembers_what_held_before():
    condition = reader().read({"ever": {"path": "area", "value": "shop"}})
    held: set[int] = set()
    assert not condition.holds(Moment(START, START, None, held))
    assert condition.holds(Moment(NOW, START, None, held))
    assert condition.holds(Moment(START, START, None, held))


def test_two_evers_of_one_check_do_not_remember_each_other():
    condition = reader().read(
        {
            "all": [
                {"ever": {"path": "area", "value": "shop"}},
                {"ever": {"path": "money", "value": 1}},
            ]
        }
    )
    evers = [part for part in condition.parts() if isinstance(part, Ever)]
    assert len({ever.id for ever in evers}) == 2
    assert not condition.holds(Moment(NOW, START))


def test_what_is_missing_is_said_one_by_one():
    condition = reader().read(
        {
            "all": [
                {"path": "area", "value": "town"},
                {"path": "money", "op": ">=", "value": 100},
                {"path": "bag.potion.count", "op": ">", "value": 9},
            ]
        }
    )
    assert condition.missing(Moment(NOW, START)) == ["area == 'town'", "bag.potion.count > 9"]


def test_a_party_that_shrank_does_not_break_a_check():
    condition = reader().read({"path": "party.1.hp", "value": 0})
    assert not condition.holds(Moment(NOW | {"party": []}, START))


@pytest.mark.parametrize(
    ("condition", "message", "place"),
    [
        ("x > 3", "a condition is a table", ()),
        ({}, "this is no condition", ()),
        ({"path": "mony", "value": 3}, "`mony` is not in the memory map", ("path",)),
        ({"path": "bag.elixir.count", "value": 3}, "not in the memory map", ("path",)),
        ({"path": "money", "op": "=>", "value": 3}, "`=>` is no comparison", ("op",)),
        ({"path": "money", "op": ">"}, "say either `value` or", ()),
        ({"path": "money", "value": 3, "vlaue": 3}, "the key `vlaue` is unknown", ("vlaue",)),
        ({"path": "money", "value": "3"}, "is a number and can never be '3'", ("value",)),
        ({"path": "money", "value": True}, "is a number and can never be True", ("value",)),
        ({"path": "badges.fern", "value": 1}, "is true or false and can never be 1", ("value",)),
        ({"path": "area", "value": "moon"}, "never 'moon'; it is one of town, shop", ("value",)),
        ({"path": "area", "op": "<", "value": "town"}, "is no number", ("op",)),
        ({"path": "area", "op": "in", "value": "town"}, "`value` is a list", ("value",)),
        ({"path": "money", "value": 1, "since": "ever"}, "can only be", ("since",)),
        ({"all": []}, "a list of conditions", ("all",)),
        ({"all": [{"path": "x", "value": 1}]}, "not in the memory map", ("all", 0, "path")),
        ({"not": {"ever": {"path": "x"}}}, "not in the memory map", ("not", "ever", "path")),
        ({"some": "party", "where": {"path": "mp", "value": 1}}, "`mp` is not", ("where", "path")),
        (
            {"some": "party", "where": {"path": "status", "value": "asleep"}},
            "never",
            ("where", "value"),
        ),
        ({"some": "money", "where": {"path": "x"}}, "no elements to look at", ("where",)),
        ({"some": "party"}, "a condition is a table", ("where",)),
        (
            {"count": "party", "where": {"path": "hp", "value": 1}, "value": "2"},
            "whole number",
            ("value",),
        ),
        (
            {"some": "party", "where": {"ever": {"path": "hp", "value": 1}}},
            "goes around",
            ("where",),
        ),
        ({"says": []}, "a text or a list", ("says",)),
        ({"mentions": "mony"}, "not in the memory map", ("mentions",)),
        ({"mentions_each": "party", "number": "hps"}, "not in the memory map", ("number",)),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(condition, message, place):
    with pytest.raises(WrongPlace) as refused:
        reader().read(condition)
    assert message in refused.value.message
    assert refused.value.place == place


@pytest.mark.parametrize(
    "text", ["__import__('os')", "money.__class__", "money.real", "().__class__", "bag.items"]
)
def test_a_path_reaches_nothing_but_values(text):
    with pytest.raises(WrongPlace, match="not in the memory map"):
        reader().read({"path": text, "value": 1})
    assert not Reader().read({"path": text, "op": "!=", "value": 1}).holds(Moment(NOW, START))
