"""Scenarios made from the house rules: what they hold, and which values each set may use."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from understudy.chat.scenarios import house_rules, world
from understudy.chat.scenarios.generating import cast, deeds, grammar, scenarios
from understudy.chat.scenarios.generating.even import EvenRandom
from understudy.chat.scenarios.recasting import recast
from understudy.chat.scenarios.scenario import PartyMember, Turn
from understudy.chat.tools.bracket import read_brackets, write_call
from understudy.chat.tools.registry import TOOLS
from understudy.train.base import corpus

MANY = 400
HELD_OUT = {*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS}


@pytest.fixture(scope="module")
def training() -> list[scenarios.Scenario]:
    return list(scenarios.training(7, MANY))


def test_the_same_seed_and_number_give_the_same_scenario() -> None:
    assert list(scenarios.training(3, 5)) == list(scenarios.training(3, 8))[:5]
    assert list(scenarios.training(3, 5)) != list(scenarios.training(4, 5))
    first = list(scenarios.validation("values", 1, 20))
    assert first == list(scenarios.validation("values", 1, 20))


def test_another_cast_of_a_written_scenario_makes_no_call_that_is_set_aside() -> None:
    hero = PartyMember(name="Mira", class_name="Rogue", level=3, hit_points=9, most_hit_points=9)
    turns = [
        Turn("dm", f"So be it. [check: {ability}, Mira] [save: wisdom, Mira, 15]")
        for ability in ("stealth", "arcana", "perception")
    ]
    written = scenarios.Scenario(party=(hero,), turns=tuple(turns))
    played = [scenarios.with_other_heroes(written, str(seed)) for seed in range(60)]
    names = {one.party[0].name for one in played}
    assert len(names) > 20
    assert names.isdisjoint(HELD_OUT)
    for one in played:
        calls = [call for _, call in one.calls()]
        assert {call.arguments["character"] for call in calls} == {one.party[0].name}
        assert not scenarios.is_set_aside(calls)


def test_a_turn_that_calls_a_tool_of_somebodys_own_loses_nothing_in_another_cast() -> None:
    said = "A turn of luck. [check: stealth, player] [luck: player, 3]"
    written = scenarios.Scenario(turns=(Turn("user", "I hide."), Turn("dm", said)))
    assert scenarios.with_other_heroes(written, "1").turns[1].text == said


def test_a_party_larger_than_the_list_of_names_gets_made_up_ones() -> None:
    party = tuple(
        PartyMember(name=f"Hero{number}", class_name="Rogue", level=1, hit_points=1,
                    most_hit_points=1)
        for number in range(len(world.NAMES) + 5)
    )  # fmt: skip
    played = recast(scenarios.Scenario(party=party), random.Random(1))
    assert len({member.name for member in played.party}) == len(party)


def test_another_cast_announces_its_calls_and_tells_everything_else_as_it_was_written() -> None:
    hero = PartyMember(name="Mira", class_name="Rogue", level=3, hit_points=9, most_hit_points=9)
    turns = (
        Turn("user", "Mira hides."),
        Turn("dm", "It is dark, and smells of cats. [check: stealth, Mira]"),
        Turn("tool", "stealth: 4 + 5(skill) = *9*"),
        Turn("dm", "Nine. A cat looks at Mira."),
    )
    written = scenarios.Scenario(party=(hero,), turns=turns)
    for seed in range(20):
        played = scenarios.with_other_heroes(written, str(seed))
        name = played.party[0].name
        said, announced, result, told = (turn.text for turn in played.turns)
        assert (said, result, told) == (
            f"{name} hides.",
            turns[2].text,
            f"Nine. A cat looks at {name}.",
        )
        assert announced.endswith(f"[check: stealth, {name}]")
        assert "stealth" in announced.partition("[")[0].lower()
        assert "cats" not in announced


@pytest.mark.slow
def test_every_bracket_in_a_generated_turn_is_a_call_in_its_one_spelling(
    training: list[scenarios.Scenario],
) -> None:
    for scenario in training:
        for turn in scenario.turns:
            reading = read_brackets(turn.text)
            assert not (reading.malformed + reading.unknown + reading.asides), turn.text
            if turn.speaker != "dm":
                assert not reading.calls, turn.text
            for placed in reading.calls:
                assert write_call(placed.call) == turn.text[placed.start : placed.end]


@pytest.mark.slow
def test_no_mark_of_the_grammar_is_left_in_what_is_said(
    training: list[scenarios.Scenario],
) -> None:
    left = re.compile(r"[{}<>|]|\s[.,?!]|  ")
    for scenario in training:
        for turn in scenario.turns:
            assert not left.search(turn.text), turn.text


def test_all_tools_all_checks_and_all_saves_are_called(
    training: list[scenarios.Scenario],
) -> None:
    calls = [call for scenario in training for _, call in scenario.calls()]
    assert {call.tool for call in calls} == set(TOOLS.names)
    abilities = {call.arguments["ability"] for call in calls if call.tool == "check"}
    assert abilities == {rule.value for rule in house_rules.CHECKS}
    saves = {call.arguments["type"] for call in calls if call.tool == "save"}
    assert saves == {rule.value for rule in house_rules.SAVES}


def test_a_called_hero_is_one_whom_the_dungeon_master_was_told_of(
    training: list[scenarios.Scenario],
) -> None:
    for scenario in training:
        told = scenario.prompt()
        for turn in scenario.turns:
            for call in turn.calls():
                who = str(call.arguments.get("character", "player"))
                assert who == "player" or who in told, turn.text
            told += turn.text if turn.speaker != "dm" else ""


def test_about_one_exchange_in_seven_needs_no_call(training: list[scenarios.Scenario]) -> None:
    answers: Counter[bool] = Counter()
    for scenario in training:
        for before, turn in zip(scenario.turns, scenario.turns[1:], strict=False):
            if before.speaker == "user":
                answers[bool(turn.calls())] += 1
    assert 0.12 < answers[False] / answers.total() < 0.2


def test_training_uses_nothing_that_is_held_out(training: list[scenarios.Scenario]) -> None:
    for scenario in training:
        assert all(member.name not in HELD_OUT for member in scenario.party)
        made_up = {member.name for member in scenario.party} - {*world.NAMES}
        assert not any(world.is_held_out(name) for name in made_up)
        for _, call in scenario.calls():
            assert HELD_OUT.isdisjoint(map(str, call.arguments.values())), call


def test_the_base_reads_wordings_that_no_validation_asks_for() -> None:
    wider = {line for lines in grammar.table("wider").values() for line in lines}

    def share(values: cast.Values) -> float:
        rng = random.Random(3)
        scene = deeds.Scene(cast.party(rng, values, 2), "Iron Hills", "Harbour")
        said = [deeds.any_deed(rng, scene, values).wording for _ in range(MANY)]
        return sum(line in wider for line in said) / MANY

    assert share(corpus.VALUES) > 0.1
    assert {share(values) for values in (cast.SEEN, cast.HELD_OUT, cast.MADE_UP)} == {0}


def test_training_makes_no_call_that_is_set_aside(training: list[scenarios.Scenario]) -> None:
    for scenario in training:
        for turn in scenario.turns:
            calls = turn.calls()
            if len(calls) == 1:
                assert not scenarios.is_set_aside(calls), turn.text


@pytest.mark.parametrize("name", ["combinations", "values", "made_up_names"])
def test_a_set_asks_for_what_its_name_says(name: scenarios.SetName) -> None:
    cases = list(scenarios.validation(name, 5, 200))
    for case in cases:
        told = {str(value) for call in case.calls for value in call.arguments.values()}
        if name == "combinations":
            assert scenarios.is_set_aside(case.calls)
        elif name == "values":
            assert told & HELD_OUT
        else:
            assert any(world.is_held_out(text) for text in told)
        assert case.scenario.turns[-1].speaker == "user"
    assert len({case.kind for case in cases}) >= 5


def test_turns_that_need_no_call_have_none() -> None:
    assert all(not case.calls for case in scenarios.validation("no_call", 5, 100))


@pytest.mark.slow
def test_there_are_thousands_of_wordings() -> None:
    cases = islice(scenarios.validation("combinations", 2, 3000), 3000)
    assert len({case.scenario.turns[-1].text for case in cases}) > 2800


def test_made_up_names_of_both_kinds_never_meet() -> None:
    rng = random.Random(1)
    assert not any(world.is_held_out(world.made_up_name(rng)) for _ in range(3000))
    assert all(world.is_held_out(world.made_up_name(rng, held_out=True)) for _ in range(300))


@pytest.mark.parametrize(
    ("verb", "third", "gerund"),
    [
        ("creep past", "creeps past", "creeping past"),
        ("lie low", "lies low", "lying low"),
        ("be quiet", "is quiet", "being quiet"),
        ("search it", "searches it", "searching it"),
        ("carry it", "carries it", "carrying it"),
        ("slip by", "slips by", "slipping by"),
        ("see", "sees", "seeing"),
    ],
)
def test_verbs_agree_with_whoever_acts(verb: str, third: str, gerund: str) -> None:
    assert grammar.third_person(verb) == third
    assert grammar.gerund(verb) == gerund


def test_no_wording_is_drawn_more_than_once_more_than_another() -> None:
    rng = EvenRandom("1")
    wordings = grammar.table("told")["stealth"]
    drawn = Counter(rng.choice(wordings) for _ in range(5 * len(wordings) + 3))
    assert set(drawn.values()) == {5, 6}
    assert len(drawn) == len(wordings)


def test_even_chance_draws_in_another_order_each_time_and_the_same_by_seed() -> None:
    things = "abcdefgh"

    def rounds(seed: str) -> list[str]:
        rng = EvenRandom(seed)
        return ["".join(rng.choice(things) for _ in things) for _ in range(3)]

    assert rounds("1") == rounds("1") != rounds("2")
    assert len(set(rounds("1"))) == 3
    assert all(sorted(one) == list(things) for one in rounds("1"))


def test_even_chance_takes_what_it_cannot_remember_as_it_comes() -> None:
    rng = EvenRandom("1")
    drawn = Counter(len(rng.choice(([1], [1, 2]))) for _ in range(99))
    assert set(drawn) == {1, 2}
    with pytest.raises(IndexError):
        rng.choice([])


@pytest.mark.slow
def test_scenarios_for_training_leave_no_wording_of_a_check_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: set[str] = set()

    def watched(*args: Any) -> deeds.Deed:
        deed = deeds.any_deed(*args)
        used.add(deed.wording)
        return deed

    monkeypatch.setattr(scenarios, "any_deed", watched)
    made = sum(1 for _ in scenarios.training(1, 1500))
    assert made == 1500
    for skill in house_rules.CHECKS:
        for table in ("told", "checks", "more"):
            assert set(grammar.table(table).get(skill.value, ())) <= used
