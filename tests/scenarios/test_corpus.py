"""The scenarios that come with Understudy: every sum, every sheet, and every call is checked."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from tests.scenarios.corpus_rules import faults, runs_of_words, unfounded

from understudy.chat.scenarios import world
from understudy.chat.scenarios.house_rules import CHECKS, SAVES, deeds_told
from understudy.formats.scenario_markdown import (
    TRAINING,
    VALIDATION,
    ScenarioFile,
    read_scenario,
    scenario_paths,
    write_scenario,
)

FILES = [*scenario_paths(TRAINING), *scenario_paths(VALIDATION)]
LONGEST_SHARED_RUN = 7


def name(path: Path) -> str:
    return "/".join(path.parts[-3:])


@cache
def scenarios(folder: Path) -> list[ScenarioFile]:
    return [read_scenario(path) for path in scenario_paths(folder)]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_scenario_adds_up_and_follows_the_house_rules(path):
    assert faults(read_scenario(path)) == []


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_scenario_is_written_in_the_canonical_form(path):
    assert write_scenario(read_scenario(path).scenario) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", scenario_paths(VALIDATION), ids=name)
def test_every_call_set_aside_follows_from_what_the_player_or_the_dice_told(path):
    assert unfounded(read_scenario(path)) == []


def test_there_is_enough_of_every_group():
    groups = Counter(path.parent.name for path in scenario_paths(TRAINING))
    assert sum(groups.values()) >= 400
    assert set(groups) >= {"combat", "roleplay", "exploration", "travel", "magic", "downtime"}
    assert min(groups.values()) >= 20
    assert len(scenario_paths(VALIDATION)) >= 20


def test_training_calls_every_tool_often_and_has_many_turns_without_a_call():
    calls = Counter(call.tool for file in scenarios(TRAINING) for _, call in file.scenario.calls())
    assert min(calls.values()) >= 40
    assert len(calls) == 6
    turns = [turn for file in scenarios(TRAINING) for turn in file.scenario.turns]
    silent = [turn for turn in turns if turn.speaker == "dm" and not turn.calls()]
    assert len(silent) >= 200


@pytest.mark.slow
@pytest.mark.parametrize("rule", [*CHECKS, *SAVES], ids=lambda rule: f"{rule.tool} {rule.value}")
def test_training_shows_every_rule_in_several_wordings(rule):
    asked = {
        file.scenario.turns[number].text
        for file in scenarios(TRAINING)
        for number, call in file.scenario.calls()
        if call.tool == rule.tool and rule.value in call.arguments.values()
    }
    assert len(asked) >= 5


def test_about_half_of_the_checks_are_asked_for_without_a_word_of_their_rule():
    """Else a model would learn the words of the rules rather than what people do."""
    told = []
    for file in scenarios(TRAINING):
        asked = ""
        for turn in file.scenario.turns:
            asked = turn.text if turn.speaker == "user" else asked
            told += [
                call.arguments["ability"] in deeds_told(f"{asked} {turn.text}")
                for call in turn.calls()
                if call.tool == "check"
            ]
    assert 0.3 <= sum(told) / len(told) <= 0.7


def test_what_is_set_aside_shares_no_eight_words_with_what_is_trained_on():
    trained = {
        run
        for file in scenarios(TRAINING)
        for run in runs_of_words(file.scenario, LONGEST_SHARED_RUN + 1)
    }
    shared = {
        (name(path), " ".join(run))
        for path in scenario_paths(VALIDATION)
        for run in runs_of_words(read_scenario(path).scenario, LONGEST_SHARED_RUN + 1) & trained
    }
    assert shared == set()


def test_no_two_scenarios_repeat_one_another():
    seen: dict[tuple[str, ...], Path | None] = {}
    repeated = set()
    for file in (*scenarios(TRAINING), *scenarios(VALIDATION)):
        for run in runs_of_words(file.scenario, 12):
            if seen.setdefault(run, file.path) != file.path:
                repeated.add(" ".join(run))
    assert repeated == set()


def test_training_holds_none_of_the_names_items_and_spells_that_are_held_out():
    found = set()
    for file in scenarios(TRAINING):
        people = {member.name for member in file.scenario.party}
        called = {value for _, call in file.scenario.calls() for value in call.arguments.values()}
        held_out = {*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS}
        found |= (people | called) & held_out
    assert found == set()
