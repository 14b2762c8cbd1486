"""The tools for chat APIs, and chats converted from brackets to tool calls and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chat.tools.test_bracket import calls

from understudy.chat.tools.bracket import write_turn
from understudy.chat.tools.json_schema import (
    openai_tools,
    read_json_call,
    to_brackets,
    to_tool_calls,
)
from understudy.chat.tools.registry import TOOLS
from understudy.errors import FormatError
from understudy.formats.openai_rules import validate_example

USER = {"role": "user", "content": "Go on."}
CHAT = [
    {"role": "system", "content": "Role: Dungeon Master"},
    {"role": "user", "content": "Mira sneaks in and takes the rope."},
    {
        "role": "assistant",
        "content": "Softly. [check: stealth, Mira] [inventory: Mira, add, rope]",
    },
    {"role": "tool", "content": "stealth: 12 + 7(skill) = *19*\nMira: rope added"},
    {"role": "assistant", "content": "Nobody stirs."},
]


def test_definitions_say_what_each_argument_takes():
    tools = {tool["function"]["name"]: tool["function"] for tool in openai_tools()}
    assert list(tools) == list(TOOLS.names)
    save = tools["save"]["parameters"]
    assert save["required"] == ["type", "character", "dc"]
    assert save["additionalProperties"] is False
    assert "wisdom" in save["properties"]["type"]["enum"]
    assert save["properties"]["dc"]["minimum"] == 1
    assert save["properties"]["dc"]["type"] == "integer"
    assert "enum" not in tools["roll"]["parameters"]["properties"]["dice_expression"]


def test_definitions_are_good_in_a_training_example():
    example = {"messages": [USER, {"role": "assistant", "content": "Hm."}], "tools": openai_tools()}
    assert validate_example(example) == []


def test_a_chat_in_brackets_becomes_one_with_tool_calls():
    converted = to_tool_calls(CHAT)
    assert converted[2]["content"] == "Softly."
    first, second = converted[2]["tool_calls"]
    assert first["function"]["name"] == "check"
    assert json.loads(first["function"]["arguments"]) == {
        "ability": "stealth", "character": "Mira",
    }  # fmt: skip
    assert converted[3:5] == [
        {"role": "tool", "tool_call_id": first["id"], "content": "stealth: 12 + 7(skill) = *19*"},
        {"role": "tool", "tool_call_id": second["id"], "content": "Mira: rope added"},
    ]
    assert validate_example({"messages": converted, "tools": openai_tools()}) == []


def test_converting_there_and_back_changes_nothing():
    assert to_brackets(to_tool_calls(CHAT)) == CHAT


def test_a_call_without_words_has_no_content_and_comes_back():
    chat = [USER, {"role": "assistant", "content": "[roll: 1d20]"}]
    converted = to_tool_calls(chat)
    assert converted[1]["content"] is None
    assert to_brackets(converted) == chat


def test_calls_without_results_are_answered_with_nothing():
    chat = [USER, {"role": "assistant", "content": "Hm. [roll: 1d20]"}, USER]
    converted = to_tool_calls([*chat, {"role": "assistant", "content": "So."}])
    assert converted[2]["content"] == ""
    assert validate_example({"messages": converted}) == []
    assert to_brackets(converted)[:3] == chat


def test_more_results_than_calls_stay_together():
    chat = [USER, CHAT[2], {"role": "tool", "content": "a\nb\nc"}]
    converted = to_tool_calls(chat)
    assert [message["content"] for message in converted[2:]] == ["a", "b\nc"]
    assert to_brackets(converted) == chat


def test_results_without_a_call_are_an_error_with_their_place():
    with pytest.raises(FormatError, match="message 2: results stand here and no call"):
        to_tool_calls([USER, {"role": "tool", "content": "a: b"}])


def test_calls_from_the_middle_of_a_turn_come_back_at_its_end():
    chat = [{"role": "assistant", "content": "Up [roll: 1d6] and away."}]
    assert to_brackets(to_tool_calls(chat))[0]["content"] == "Up and away. [roll: 1d6]"


def test_malformed_brackets_stay_words():
    chat = [{"role": "assistant", "content": "Up [check: stealth] away [laughs]."}]
    assert to_tool_calls(chat) == chat


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("check", {"ability": "stealth"}, "character is missing"),
        ("check", {"ability": "cooking", "character": "Bo"}, "none of"),
        ("check", {"ability": "stealth", "character": "Bo", "dc": 1}, "no argument 'dc'"),
        ("check", "{", "no JSON"),
        ("check", "[]", "no JSON object"),
        ("health", {"character": "Bo", "modifier": 2.5}, "no whole number"),
        ("health", {"character": "Bo", "modifier": True}, "type bool"),
        ("health", {"character": ["Bo"], "modifier": 1}, "type list"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_words(name, arguments, reason):
    with pytest.raises(ValueError, match=reason):
        read_json_call(name, arguments)


def test_arguments_are_brought_to_the_spelling_of_brackets():
    assert read_json_call("roll", '{"dice_expression": "D20 + 5"}') == TOOLS.call("roll", "1d20+5")
    assert read_json_call("health", {"character": "Bo", "modifier": -5.0}) == TOOLS.call(
        "health", "Bo", -5
    )


def test_a_call_that_the_registry_does_not_hold_names_its_message():
    message = {
        "role": "assistant",
        "tool_calls": [{"function": {"name": "fly", "arguments": "{}"}}],
    }
    with pytest.raises(FormatError, match="message 2: there is no tool 'fly'"):
        to_brackets([USER, message])


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="[]", codec="utf-8"), max_size=30),
            st.lists(calls, max_size=3),
        ).filter(lambda turn: turn[0].strip() or turn[1]),
        min_size=1,
        max_size=5,
    )
)
def test_any_canonical_chat_converts_there_and_back(turns):
    chat = []
    for words, made in turns:
        chat += [USER, {"role": "assistant", "content": write_turn(words, made)}]
        if made:
            chat.append({"role": "tool", "content": "\n".join("a: b" for _ in made)})
    converted = to_tool_calls(chat)
    assert to_brackets(converted) == chat
    assert validate_example({"messages": [*converted, USER, CHAT[4]]}) == []
