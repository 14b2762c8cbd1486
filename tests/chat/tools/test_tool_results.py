"""Lines of results: what they say, and how each tool's is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.chat.tools.registry import TOOLS
from understudy.chat.tools.results import (
    Modifier,
    RollResult,
    WordResult,
    health_changed,
    inventory_changed,
    parse_result,
    rolled,
    spell_cast,
)


def test_a_line_in_numbers_is_read():
    found = parse_result("perception: 15 + 10(skill) = *25*")
    assert found == RollResult("perception", 15, (Modifier(10, "skill"),), 25)
    assert found.adds_up


def test_a_line_that_does_not_add_up_is_read_and_says_so():
    found = parse_result("perception: 15 + 10(skill) = *30*")
    assert isinstance(found, RollResult)
    assert not found.adds_up


@pytest.mark.parametrize(
    "line",
    [
        "2d6: 7 = *7*",
        "stealth: 4 - 1(skill) = *3*",
        "attack: 12 + 5(bonus) + 2(bless) - 1(cold) = *18*",
        "Mira: 3 - 3(damage) = *0*",
        "Sara: rope added",
        "just words",
    ],
)
def test_a_line_is_written_as_it_was_read(line):
    assert str(parse_result(f"  {line} ")) == line


@pytest.mark.parametrize("line", ["a: 1 + 2 = *3*", "a: 1 = 1", "a:1 = *1*", ": 1 = *1*", "a: b"])
def test_what_is_not_quite_in_numbers_is_words(line):
    assert isinstance(parse_result(line), WordResult)


@pytest.mark.parametrize(
    ("call", "die", "modifier", "line"),
    [
        (("check", "stealth", "Mira"), 12, 7, "stealth: 12 + 7(skill) = *19*"),
        (("check", "stealth", "Mira"), 12, -1, "stealth: 12 - 1(skill) = *11*"),
        (("save", "dex", "Mira", 13), 8, 0, "dexterity: 8 + 0(save) = *8*"),
        (("roll", "d20+5"), 11, 0, "1d20+5: 11 + 5(bonus) = *16*"),
        (("roll", "2d6"), 7, 0, "2d6: 7 = *7*"),
        (("roll", "perception"), 15, 10, "perception: 15 + 10(skill) = *25*"),
    ],
)
def test_what_was_rolled_is_a_line(call, die, modifier, line):
    assert str(rolled(TOOLS.call(*call), die, modifier)) == line


@pytest.mark.parametrize(
    ("change", "before", "most", "line"),
    [
        (-5, 24, 24, "Mira: 24 - 5(damage) = *19*"),
        (+8, 10, 24, "Mira: 10 + 8(healing) = *18*"),
        (-9, 4, 24, "Mira: 4 - 4(damage) = *0*"),
        (+9, 20, 24, "Mira: 20 + 4(healing) = *24*"),
        (+9, 20, None, "Mira: 20 + 9(healing) = *29*"),
        (-3, 0, 24, "Mira: 0 + 0(damage) = *0*"),
    ],
)
def test_hit_points_stay_between_none_and_all(change, before, most, line):
    result = health_changed(TOOLS.call("health", "Mira", change), before, most)
    assert str(result) == line
    assert result.adds_up


def test_the_other_tools_answer_in_words():
    assert str(inventory_changed(TOOLS.call("inventory", "Bo", "add", "rope"))) == "Bo: rope added"
    gone = inventory_changed(TOOLS.call("inventory", "Bo", "remove", "rope"))
    assert str(gone) == "Bo: rope removed"
    assert str(spell_cast(TOOLS.call("spellcast", "Bo", "light", 0))) == "Bo: light, level 0"


@pytest.mark.slow
@given(
    st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=12),
    st.integers(-99, 99),
    st.lists(st.builds(Modifier, st.integers(-50, 50), st.sampled_from(("skill", "b c", ""))),
             max_size=3),
)  # fmt: skip
def test_a_result_in_numbers_is_read_as_it_was_written(label, die, modifiers):
    result = RollResult(label, die, tuple(modifiers), die + sum(m.amount for m in modifiers))
    assert parse_result(str(result)) == result
