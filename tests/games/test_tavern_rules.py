"""The rules of the tavern: what each call comes to, and what they refuse."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.chat.tools.dice import parse_dice
from understudy.chat.tools.registry import TOOLS, Call
from understudy.chat.tools.results import RollResult, parse_result
from understudy.games.builtin.tavern.bookkeeping import outcome
from understudy.games.builtin.tavern.content import content
from understudy.games.builtin.tavern.dice_cup import throw
from understudy.games.builtin.tavern.hero import POISONED, PRONE, UNCONSCIOUS, Hero
from understudy.games.builtin.tavern.rules import MOST_CALLS, MOST_ITEMS, carry_out
from understudy.games.builtin.tavern.table import Table


@pytest.fixture
def table() -> Table:
    return content().new_table()


def lines(table: Table, answer: str, seed: int = 1) -> list[str]:
    return carry_out(table, answer, random.Random(seed))


def hero(table: Table, name: str) -> Hero:
    found = table.hero(name)
    assert found is not None
    return found


def rolled(line: str) -> RollResult:
    found = parse_result(line)
    assert isinstance(found, RollResult), line
    return found


@pytest.mark.parametrize(
    ("name", "skill", "modifier"),
    [
        ("Mira", "stealth", 7),  # dexterity 17, and an expert of level 3
        ("Mira", "perception", 3),
        ("Mira", "athletics", -1),
        ("Mira", "dexterity", 3),  # a bare ability, without the level's bonus
        ("Borin", "athletics", 5),
        ("Borin", "arcana", 0),
        ("Sela", "medicine", 5),
        ("Sela", "initiative", 0),
    ],
)
def test_checks_have_the_modifiers_of_the_sheet(
    table: Table, name: str, skill: str, modifier: int
) -> None:
    result = rolled(lines(table, f"[check: {skill}, {name}]")[0])
    assert [one.amount for one in result.modifiers] == [modifier]
    assert result.adds_up
    assert 1 <= result.die <= 20


def test_saves_have_the_bonus_of_the_level_where_the_hero_has_it(table: Table) -> None:
    assert hero(table, "Mira").save_modifier("dexterity") == 5
    assert hero(table, "Mira").save_modifier("wisdom") == 1


@pytest.mark.slow
def test_the_same_dice_fall_from_the_same_chance_and_all_faces_come_up() -> None:
    chance = random.Random(4)
    thrown = [throw(parse_dice("1d20+5"), chance) for _ in range(600)]
    assert set(thrown) == set(range(1, 21))
    chance = random.Random(4)
    assert thrown == [throw(parse_dice("1d20+5"), chance) for _ in range(600)]


DICE = st.builds(
    lambda count, sides, plus, keep: f"{count}d{sides}{keep and f'{keep}1'}{plus:+d}",
    st.integers(1, 9), st.integers(2, 100), st.integers(-99, 99), st.sampled_from(["", "kh", "kl"]),
)  # fmt: skip


@pytest.mark.slow
@given(DICE, st.integers(0, 9))
def test_dice_show_what_they_can_and_the_sum_is_right(written: str, seed: int) -> None:
    result = rolled(carry_out(content().new_table(), f"[roll: {written}]", random.Random(seed))[0])
    low, high = parse_dice(written).range()
    assert low <= result.die <= high
    assert result.adds_up


def test_hit_points_stay_between_nothing_and_the_most(table: Table) -> None:
    assert lines(table, "[health: Mira, +99] [health: Borin, -99]") == [
        "Mira: 21 + 3(healing) = *24*",
        "Borin: 28 - 28(damage) = *0*",
    ]
    assert hero(table, "Borin").conditions == [UNCONSCIOUS]
    assert table.fallen == 1


def test_the_unconscious_do_nothing_until_they_are_healed(table: Table) -> None:
    lines(table, "[health: Sela, -99]")
    told = lines(table, "[check: insight, Sela] [spellcast: Sela, bless, 1]")
    assert all(line == "error: Sela is unconscious and can do nothing" for line in told)
    lines(table, "[health: Sela, +1]")
    assert hero(table, "Sela").conditions == []
    assert rolled(lines(table, "[check: insight, Sela]")[0])


def test_things_come_and_go_in_any_case(table: Table) -> None:
    assert lines(table, "[inventory: borin, add, rope]") == ["borin: rope added"]
    assert lines(table, "[inventory: Borin, remove, ROPE]") == ["Borin: ROPE removed"]
    assert "rope" not in hero(table, "Borin").items
    assert lines(table, "[inventory: Borin, remove, rope]") == [
        "error: Borin carries no rope; the pack holds warhammer, shield, tinderbox"
    ]


def test_a_pack_has_an_end(table: Table) -> None:
    for _ in range(MOST_ITEMS):
        lines(table, "[inventory: Mira, add, pebble]")
    assert lines(table, "[inventory: Mira, add, pebble]")[0].startswith("error: Mira cannot carry")


def test_a_spell_costs_a_slot_of_its_level_and_cantrips_none(table: Table) -> None:
    assert lines(table, "[spellcast: Sela, bless, 2]") == ["Sela: bless, level 2"]
    lines(table, "[spellcast: Sela, bless, 2] [spellcast: Sela, guidance, 0]")
    assert hero(table, "Sela").slots == {"1": 4, "2": 0}
    assert table.cast == ["bless", "bless", "guidance"]
    assert lines(table, "[spellcast: Sela, bless, 2]") == [
        "error: Sela has no slot of level 2 left"
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("[spellcast: Sela, fireball, 3]", "does not know fireball"),
        ("[spellcast: Mira, bless, 1]", "Mira knows no spell"),
        ("[spellcast: Sela, guidance, 1]", "is a cantrip"),
        ("[spellcast: Sela, bless, 0]", "is of level 1"),
        (
            "[check: stealth, Legolas]",
            "no hero 'Legolas' at this table; there is Mira, Borin, Sela",
        ),
        ("[health: goblin, -3]", "nobody is called 'goblin' here"),
        ("[inventory: giant rat, add, cheese]", "no hero 'giant rat'"),
        ("[check: stealth]", "check is malformed: character is missing; write [check:"),
        ("[check: stealth, Mira", "its bracket is never closed"),
        ("[dance: Mira]", "there is no tool 'dance'; there is roll, health"),
        ("[roll: many]", "roll is malformed"),
    ],
)
def test_what_the_rules_do_not_allow_gets_an_error_line_and_changes_nothing(
    table: Table, call: str, words: str
) -> None:
    before = table.memory()
    told = lines(table, f"Hm. {call}")
    assert len(told) == 1
    assert told[0].startswith("error: ")
    assert words in told[0]
    assert table.memory() == {**before, "refused": 1}


def test_a_refused_call_does_not_stop_those_beside_it(table: Table) -> None:
    told = lines(table, "[health: Mira, -1] [health: nobody, -1] [health: Mira, -1]")
    assert [line.partition(":")[0] for line in told] == ["Mira", "error", "Mira"]
    assert hero(table, "Mira").hp == 19


@pytest.mark.slow
def test_a_turn_with_endless_calls_is_cut(table: Table) -> None:
    told = lines(table, "[health: Mira, -1]" * 1000)
    assert len(told) == MOST_CALLS + 1
    assert told[-1] == f"error: at most {MOST_CALLS} calls are carried out in one turn"
    assert hero(table, "Mira").hp == 21 - MOST_CALLS


def test_player_is_the_one_who_speaks(table: Table) -> None:
    lines(table, "[inventory: player, add, rope]")
    assert "rope" in hero(table, "Mira").items


def test_conditions_come_of_failed_saves_and_go_by_rule(table: Table) -> None:
    lines(table, "[save: constitution, Borin, 30] [save: strength, Mira, 30]")
    assert hero(table, "Borin").conditions == [POISONED]
    assert hero(table, "Mira").conditions == [PRONE]
    lines(table, "[inventory: Borin, add, antidote] [inventory: Borin, remove, antidote]")
    assert hero(table, "Borin").conditions == []
    lines(table, "[save: strength, Mira, 1]")
    assert hero(table, "Mira").conditions == []


def test_the_poisoned_throw_twice_and_the_worse_counts(table: Table) -> None:
    well = [rolled(lines(table, "[check: stealth, Mira]", seed)[0]).die for seed in range(300)]
    hero(table, "Mira").put(POISONED)
    ill = [rolled(lines(table, "[check: stealth, Mira]", seed)[0]).die for seed in range(300)]
    assert sum(ill) < sum(well) - 600


@pytest.mark.slow
@given(st.text(max_size=300))
@settings(max_examples=200)
def test_no_answer_breaks_the_rules(answer: str) -> None:
    assert isinstance(carry_out(content().new_table(), answer, random.Random(1)), list)


KNOWN: dict[str, Any] = {"party": {"Mira": {"hp": 9, "max_hp": 12}}, "speaker": "Mira"}


def state(*calls: Call) -> Any:
    return outcome(KNOWN, calls)


def call(tool: str, *values: Any) -> Call:
    return TOOLS.call(tool, *values)


def test_the_same_deeds_come_to_the_same_state_in_any_order_and_spelling() -> None:
    three, four = call("health", "Mira", -3), call("health", "player", -4)
    assert state(three, four) == state(four, three) == state(call("health", "MIRA", -7))
    rope = call("inventory", "Mira", "add", "Rope")
    assert state(rope, call("inventory", "Mira", "remove", "rope")) == state()
    assert state(call("check", "stealth", "Mira")) == state(call("check", "stealth", "player"))


@pytest.mark.parametrize(
    "other",
    [
        call("health", "Mira", -4),
        call("health", "Borin", -3),
        call("inventory", "Mira", "add", "rope"),
        call("spellcast", "Mira", "bless", 1),
        call("check", "stealth", "Mira"),
        call("save", "wisdom", "Mira", 12),
    ],
)
def test_other_deeds_come_to_another_state(other: Call) -> None:
    assert state(other) != state(call("health", "Mira", -3))
    assert state(other) != state()


def test_nobody_is_healed_above_the_most_or_hurt_below_nothing() -> None:
    assert state(call("health", "Mira", 3)) == state(call("health", "Mira", 30))
    assert state(call("health", "Mira", -9)) == state(call("health", "Mira", -90))
    assert outcome({}, [call("health", "rat", -3)]) != outcome({}, [call("health", "rat", -4)])
