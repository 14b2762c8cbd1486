"""Calls in brackets and as JSON: one chat in both spellings, and what is left as it is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.formats.bracket_chats import SYSTEM, bracket_chat, dm, user
from tests.formats.example_rows import ROLL, chat_row, tool_chat

from understudy.chat.scenarios.generating.scenarios import training
from understudy.chat.scenarios.scenario import Scenario
from understudy.errors import FormatError
from understudy.formats.openai_rules import validate_example
from understudy.formats.preferences import judgements_of, preference_of
from understudy.formats.tool_spelling import Spelling, speaks_in_brackets

AS_JSON, IN_BRACKETS = Spelling("json"), Spelling("brackets")


def test_a_chat_in_brackets_becomes_one_with_tool_calls_that_openai_takes() -> None:
    found = AS_JSON.of(bracket_chat())
    assert validate_example(found) == []
    call = found["messages"][2]["tool_calls"][0]
    assert call["function"]["name"] == "check"
    assert found["messages"][3]["tool_call_id"] == call["id"]
    assert [tool["function"]["name"] for tool in found["tools"]] == [
        "roll", "health", "inventory", "spellcast", "check", "save"
    ]  # fmt: skip


def test_the_calls_of_the_last_turn_are_learned_and_not_answered() -> None:
    found = AS_JSON.of({"messages": [SYSTEM, user("I sneak."), dm("So. [check: stealth, Mira]")]})
    assert validate_example(found) == []
    assert found["messages"][-1]["role"] == "assistant"
    assert found["messages"][-1]["content"] == "So."


def test_a_chat_without_a_call_gets_the_tools_where_its_prompt_speaks_of_them() -> None:
    quiet = {"messages": [SYSTEM, user("Hello!"), dm("Well met.")]}
    assert AS_JSON.of(quiet)["tools"]
    other = {"messages": [user("Hello!"), dm("[laughs] Well met, see [1].")]}
    assert not speaks_in_brackets(other)
    assert AS_JSON.of(other) is other


@pytest.mark.parametrize("scenario", list(training(5, 12)))
def test_there_and_back_changes_nothing_of_a_generated_scenario(scenario: Scenario) -> None:
    example = {"messages": scenario.messages()}
    converted = AS_JSON.of(example)
    assert validate_example(converted) == []
    assert IN_BRACKETS.of(converted) == example


def test_tools_that_are_not_in_the_registry_stay_as_they_are() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "teleport", "arguments": "{}"}}
    strange = {
        "messages": [user("Go"), {"role": "assistant", "content": None, "tool_calls": [call]}]
    }
    assert IN_BRACKETS.of(strange) is strange
    assert Spelling("kept").of(bracket_chat()) == bracket_chat()


def test_a_call_that_its_tool_does_not_allow_is_named() -> None:
    with pytest.raises(FormatError, match="the call of roll is malformed"):
        IN_BRACKETS.of(tool_chat())


def test_both_answers_of_a_preference_are_spelled_alike() -> None:
    asked: list[dict[str, Any]] = [user("I roll.")]
    arguments = '{"dice_expression": "1d20+5"}'
    call = {"id": "x", "type": "function", "function": {"name": "roll", "arguments": arguments}}
    calling = {"role": "assistant", "content": None, "tool_calls": [call]}
    row = chat_row(
        {"messages": [*asked, dm("Roll! [roll: 1d20]")], "tools": [ROLL]},
        rejected=calling,
        corrected=True,
    )
    told = preference_of(row, AS_JSON)
    assert told.chosen["tool_calls"][0]["function"]["arguments"] == '{"dice_expression":"1d20"}'
    assert told.rejected["tool_calls"] == [call]
    words = preference_of(row, IN_BRACKETS)
    assert words.chosen["content"] == "Roll! [roll: 1d20]"
    assert words.rejected["content"] == "[roll: 1d20+5]"
    assert words.tools is None


@pytest.mark.parametrize(
    ("facts", "labels"),
    [
        ({"corrected": True, "rejected": dm("No.")}, [("A: 1", True), ("No.", False)]),
        ({"corrected": True, "rejected": dm("No."), "answer_score": 8.0}, [("A: 1", True)]),
        ({"corrected": True, "rejected": dm("No."), "answer_score": 5.0},
         [("A: 1", True), ("No.", False)]),
        ({"answer_score": 6.0}, [("A: 1", True)]),
        ({"answer_score": 4.0}, [("A: 1", False)]),
        ({"corrected": True}, [("A: 1", True)]),
    ],
)  # fmt: skip
def test_corrections_and_thumbs_make_judgements(
    facts: dict[str, Any], labels: list[tuple[str, bool]]
) -> None:
    row = chat_row({"messages": [user("1"), dm("A: 1")]}, **facts)
    assert [(one.completion["content"], one.label) for one in judgements_of(row)] == labels


@pytest.mark.parametrize("score", [None, 4.5, 5.9])
def test_what_nobody_judged_makes_none(score: float | None) -> None:
    row = chat_row({"messages": [user("1"), dm("A: 1")]}, answer_score=score)
    with pytest.raises(FormatError, match="nobody"):
        judgements_of(row)
    with pytest.raises(FormatError, match="nobody corrected it"):
        preference_of(row)
