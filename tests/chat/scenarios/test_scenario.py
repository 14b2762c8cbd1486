"""A scenario: its prompt, its calls, and the chat that is trained on."""

from __future__ import annotations

from understudy.chat.scenarios.house_rules import prompt_text
from understudy.chat.scenarios.scenario import Fact, PartyMember, Scenario, Turn
from understudy.chat.tools.json_schema import to_brackets, to_tool_calls
from understudy.chat.tools.registry import TOOLS
from understudy.formats.openai_rules import validate_example

MIRA = PartyMember(
    name="Mira", race="Halfling", class_name="Rogue", level=3, hit_points=21, most_hit_points=24
)
SCENARIO = Scenario(
    world="Vale of Ash",
    location="Tavern",
    party=(MIRA,),
    facts=(Fact("Weather", "rain"), Fact("", "It is late.")),
    turns=(
        Turn("user", "Mira sneaks in and takes the rope."),
        Turn("dm", "Softly. [check: stealth, Mira] [inventory: Mira, add, rope]"),
        Turn("tool", "stealth: 12 + 7(skill) = *19*\nMira: rope added"),
        Turn("dm", "Nobody stirs."),
    ),
)


def test_a_party_member_is_a_line_of_the_sheet():
    assert MIRA.line == "- Mira (Halfling Rogue, Level 3, HP: 21/24)"


def test_a_member_without_a_race_is_a_line_as_well():
    nameless = PartyMember(name="X", class_name="Bard", level=1, hit_points=8, most_hit_points=8)
    assert nameless.line == "- X (Bard, Level 1, HP: 8/8)"


def test_the_prompt_tells_the_rules_and_every_fact():
    assert SCENARIO.prompt().split("\n") == [
        "Role: Dungeon Master",
        f"Rules: {prompt_text()}",
        "World: Vale of Ash",
        "Location: Tavern",
        "Party:",
        MIRA.line,
        "Weather: rain",
        "It is late.",
    ]


def test_rules_of_its_own_take_the_place_of_the_house_rules():
    own = Scenario(rules="Never call a tool.")
    assert own.prompt() == "Role: Dungeon Master\nRules: Never call a tool."


def test_calls_come_with_the_number_of_their_turn():
    assert list(SCENARIO.calls()) == [
        (1, TOOLS.call("check", "stealth", "Mira")),
        (1, TOOLS.call("inventory", "Mira", "add", "rope")),
    ]


def test_only_the_dungeon_master_calls_tools_and_only_tools_have_results():
    assert Turn("user", "May I [roll: 1d20]?").calls() == []
    assert SCENARIO.turns[2].results == ["stealth: 12 + 7(skill) = *19*", "Mira: rope added"]
    assert SCENARIO.turns[3].results == []


def test_messages_are_a_chat_in_brackets():
    assert [message["role"] for message in SCENARIO.messages()] == [
        "system", "user", "assistant", "tool", "assistant",
    ]  # fmt: skip


def test_messages_with_tool_calls_are_a_good_training_example_and_come_back_the_same():
    converted = to_tool_calls(SCENARIO.messages())
    assert validate_example({"messages": converted}) == []
    assert to_brackets(converted) == SCENARIO.messages()
