"""The validation sets are what they say they are."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from understudy.chat.scenarios import world
from understudy.chat.scenarios.recasting import recast
from understudy.chat.tools.bracket import find_calls, write_call
from understudy.chat.tools.registry import Call
from understudy.datasets.scenario_rows import ScenarioSource, scenario_rows
from understudy.datasets.scenario_windows import Window
from understudy.datasets.selection import LeftOut
from understudy.errors import FormatError, UsageError
from understudy.evaluate.cases import Case
from understudy.evaluate.suites import SET_NAMES, Suite, build_suite, sequences
from understudy.formats.scenario_markdown import parse_scenario
from understudy.pipeline.recipes.recipe import find_recipe, read_recipe

CALLS = re.compile(r"\[[^\]]*\]")
HELD_OUT = {*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS}

pytestmark = pytest.mark.slow  # a whole exam is made, and all that the recipe learns from


@pytest.fixture(scope="module")
def suite() -> Suite:
    return build_suite()


@pytest.fixture(scope="module")
def training() -> list[list[dict[str, Any]]]:
    """The messages of every row that the recipe of the Dungeon Master learns from."""
    recipe = read_recipe(find_recipe("dm")).data

    def refuse(left_out: LeftOut) -> None:
        raise AssertionError(left_out.reason)

    source = ScenarioSource(
        paths=recipe.scenarios,
        casts=recipe.casts,
        as_written=recipe.as_written,
        generated=recipe.generated,
        seed=recipe.seed,
        window=Window(turns=recipe.turns, tokens=recipe.tokens),
    )
    rows = [found.row.example["messages"] for found in scenario_rows(source, refuse)]
    assert len(rows) > recipe.generated
    return rows


@pytest.fixture(scope="module")
def trained_calls(training: list[list[dict[str, Any]]]) -> list[Call]:
    return [
        call
        for messages in training
        for message in messages
        if message["role"] == "assistant"
        for call in find_calls(message["content"])
    ]


def due(case: Case) -> str:
    return " ".join(write_call(call.canonical()) for call in case.expected)


def said(case: Case) -> list[str]:
    return [m["content"] for m in case.messages if m["role"] in ("user", "assistant")]


@pytest.mark.parametrize("name", ["combinations", "values", "wordings", "made_up_names", "no_call"])
def test_a_row_has_at_least_500_scored_turns(suite: Suite, name: str) -> None:
    assert len(suite.sets[name]) >= 500
    assert len({case.id for case in suite.sets[name]}) == len(suite.sets[name])


def test_every_case_ends_where_the_dungeon_master_has_to_speak(suite: Suite) -> None:
    for case in suite:
        assert case.messages[0]["role"] == "system"
        assert case.messages[-1]["role"] in ("user", "tool"), case.id


def test_a_set_calls_for_tools_exactly_when_its_name_says_so(suite: Suite) -> None:
    quiet = {"no_call", "no_call_wordings", "context"}
    for name, cases in suite.sets.items():
        assert all(bool(case.expected) != (name in quiet) for case in cases), name


def test_no_combination_of_arguments_is_one_that_was_trained_on(
    suite: Suite, trained_calls: list[Call]
) -> None:
    trained = {write_call(call) for call in trained_calls}
    assert not {due(case) for case in suite.sets["combinations"]} & trained


def test_no_held_out_value_is_trained_on_and_each_case_of_the_set_asks_for_one(
    suite: Suite, trained_calls: list[Call]
) -> None:
    for case in suite.sets["values"]:
        told = {
            str(value) for call in case.expected for vs in call.arguments.values() for value in vs
        }
        assert told & HELD_OUT, case.id
    asked = {
        str(value)
        for case in suite.sets["values"]
        for call in case.expected
        for values in call.arguments.values()
        for value in values
    }
    trained = {str(value) for call in trained_calls for value in call.arguments.values()}
    assert not HELD_OUT & asked & trained


def test_made_up_names_have_syllables_that_no_name_in_training_has(
    suite: Suite, training: list[list[dict[str, Any]]]
) -> None:
    words = {
        word
        for messages in training
        for message in messages
        for word in re.findall(r"\w+", message["content"])
    }
    asked = {name for case in suite.sets["made_up_names"] for name in case.known["party"]}
    assert not words & asked
    assert all(world.is_held_out(name) for name in asked)


def test_set_aside_wordings_share_no_eight_words_with_the_training_data(
    suite: Suite, training: list[list[dict[str, Any]]]
) -> None:
    trained = sequences(
        message["content"]
        for messages in training
        for message in messages
        if message["role"] in ("user", "assistant")
    )
    for name in ("wordings", "no_call_wordings"):
        for case in suite.sets[name]:
            texts = said(case)
            if not case.id.endswith("/0"):
                # With other heroes, two calls can by chance be those of a generated turn.
                texts = [CALLS.sub("", text) for text in texts]
            shared = sequences(texts) & trained
            assert not shared, f"{case.id}: {shared}"


def test_sequences_pass_over_case_and_marks() -> None:
    told = sequences(["One, two; THREE four. Five six seven eight! Nine"])
    assert told == sequences(["one two three four five six seven eight nine"])
    assert len(told) == 2
    assert not sequences(["one two three four five six seven"])


def test_each_of_five_hundred_cases_is_another_written_turn(suite: Suite) -> None:
    assert len({case.group for case in suite.sets["wordings"]}) == 500


def test_where_more_are_asked_for_a_written_turn_comes_again_with_other_heroes() -> None:
    cases = build_suite(["wordings"], limit=700).sets["wordings"]
    assert max(Counter(case.group for case in cases).values()) == 2
    again = next(case for case in cases if case.id.endswith("/1") and case.known["party"])
    first = next(case for case in cases if case.id == f"{again.group}/0")
    assert not set(first.known["party"]) & set(again.known["party"])
    assert len(first.messages) == len(again.messages)


def test_another_cast_changes_each_name_wherever_it_stands() -> None:
    import random

    text = (
        "# SYSTEM\nRole: Dungeon Master\nParty:\n- Mira (Elf Rogue, Level 2, HP: 9/9)\n"
        "Mira owes Tamsin money.\n\n# USER\nMira's rope is gone. Miranda laughs at Mira.\n\n"
        "# DM\nPoor Mira. [inventory: Mira, remove, rope]\n"
    )
    played = recast(parse_scenario(text).scenario, random.Random(1))
    name = played.party[0].name
    assert name not in ("Mira", "Tamsin")
    assert played.turns[0].text == f"{name}'s rope is gone. Miranda laughs at {name}."
    assert played.turns[1].calls()[0].arguments["character"] == name
    assert f"{name} owes Tamsin money." in played.prompt()


def test_the_player_is_accepted_only_for_a_hero_who_is_alone_and_not_named(suite: Suite) -> None:
    seen = set()
    for case in (case for name in ("combinations", "values") for case in suite.sets[name]):
        for call in case.expected:
            names = call.arguments.get("character", [])
            if "player" in names[1:]:
                assert len(case.known["party"]) == 1
                assert names[0] not in case.messages[-1]["content"]
                seen.add(case.id)
    assert seen


def test_facts_that_are_asked_for_were_told_before(suite: Suite) -> None:
    for case in suite.sets["context"]:
        told = "\n".join(message["content"] for message in case.messages[:-1])
        assert case.tells
        for fact in case.tells:
            assert re.search(rf"\b{re.escape(fact)}\b", told), case.id


def test_the_same_seed_gives_the_same_cases_and_another_one_others(suite: Suite) -> None:
    assert build_suite(limit=20).digest == build_suite(limit=20).digest
    assert build_suite(limit=20, seed=2).digest != build_suite(limit=20).digest
    assert [*build_suite(["values"]).sets] == ["values"]
    assert [*suite.sets] == [*SET_NAMES]


def test_what_cannot_be_asked_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no validation set 'poems'"):
        build_suite(["poems"])
    with pytest.raises(UsageError, match="nothing to ask"):
        build_suite(limit=0)
    (tmp_path / "bad.md").write_text("no heading\n")
    with pytest.raises(FormatError, match=r"bad\.md"):
        build_suite(["wordings"], folder=tmp_path)
    passed_over: list[FormatError] = []
    assert not build_suite(["wordings"], folder=tmp_path, report=passed_over.append).sets[
        "wordings"
    ]
    assert len(passed_over) == 1
