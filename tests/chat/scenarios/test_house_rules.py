"""The house rules: whole as data, whole in the prompt, and told apart by their cues."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.chat.scenarios.house_rules import (
    CHECKS,
    OTHERS,
    RULES,
    SAVES,
    deeds_told,
    full_text,
    prompt_text,
    rules_of,
)
from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.registry import ABILITIES, SKILLS, TOOLS


def test_there_is_a_rule_for_every_tool():
    assert {rule.tool for rule in RULES} == set(TOOLS.names)


def test_the_values_of_rules_are_values_that_the_tools_take():
    assert {rule.value for rule in CHECKS} <= {*SKILLS, *ABILITIES}
    assert {rule.value for rule in SAVES} <= set(ABILITIES)
    assert len({rule.value for rule in CHECKS}) == len(CHECKS)


def test_both_texts_tell_every_rule():
    for rule in RULES:
        assert rule.value in prompt_text()
        assert rule.short in prompt_text()
        assert rule.value in full_text()
        assert rule.when in full_text()
    for tool in TOOLS:
        assert tool.format in full_text()
        assert f"[{tool.name}: " in prompt_text()


def test_the_prompt_is_short_enough_for_a_small_model():
    assert len(prompt_text().split()) <= 130


def test_the_prompt_makes_no_call_of_its_own():
    assert read_brackets(prompt_text()).calls == ()
    assert read_brackets(full_text()).calls == ()


@pytest.mark.parametrize(
    ("words", "deed"),
    [
        ("Mira listens at the door", "perception"),
        ("I rummage through the desk for clues", "investigation"),
        ("We sneak past the sentry", "stealth"),
        ("Borin tries to persuade the mayor", "persuasion"),
        ("She lies to the captain", "deception"),
        ("He threatens the clerk", "intimidation"),
        ("Is the smith telling the truth?", "insight"),
        ("Borin climbs the wall", "athletics"),
        ("She balances along the rope", "acrobatics"),
        ("I pick the lock", "sleight of hand"),
        ("What do the runes mean?", "arcana"),
        ("Do I recall the old war?", "history"),
        ("Which of the mushrooms are good?", "nature"),
        ("Follow the tracks", "survival"),
        ("She bandages the boy", "medicine"),
    ],
)
def test_cues_tell_a_deed(words, deed):
    assert deeds_told(words) == {deed}


@pytest.mark.parametrize(
    "words", ["Good evening, innkeeper.", "The chapel lies under the hill.", "We sit by the fire."]
)
def test_talk_tells_no_deed(words):
    assert deeds_told(words) == set()


def test_cues_of_dangers_tell_the_save():
    assert deeds_told("A fireball bursts over you", SAVES) == {"dexterity"}
    assert deeds_told("The venom burns in his arm", SAVES) == {"constitution"}
    assert deeds_told("The current drags her away", SAVES) == {"strength"}
    assert deeds_told("Terror takes hold", SAVES) >= {"wisdom"}


def test_rules_of_a_tool_are_found():
    assert rules_of("check") == CHECKS
    assert rules_of("save") == SAVES
    assert rules_of("roll") == OTHERS[:1]


def test_whoever_writes_scenarios_finds_the_rules_in_the_documentation():
    page = Path(__file__).parents[3] / "docs" / "howto" / "scenarios.md"
    assert full_text() in page.read_text(encoding="utf-8")
