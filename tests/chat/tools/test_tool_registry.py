"""The registry of tools: its six, its file, and what it refuses."""

from __future__ import annotations

import json

import pytest

from understudy.chat.tools.bracket import parse_call
from understudy.chat.tools.registry import FILE_NAME, TOOLS, Argument, ToolRegistry, ToolSpec
from understudy.errors import FormatError, UsageError

BELL = ToolSpec(name="bell", description="Ring it.", arguments=(Argument(name="times"),))


def test_the_table_has_six_tools_in_the_formats_that_games_write():
    assert [tool.format for tool in TOOLS] == [
        "[roll: dice_expression]",
        "[health: character, modifier]",
        "[inventory: character, action, item]",
        "[spellcast: character, spell, level]",
        "[check: ability, character]",
        "[save: type, character, dc]",
    ]


def test_every_example_is_a_call_of_its_tool():
    for tool in TOOLS:
        assert tool.description
        assert all(argument.description for argument in tool.arguments)
        assert {parse_call(example).tool for example in tool.examples} == {tool.name}


def test_a_saved_registry_is_loaded_as_it_was(tmp_path):
    path = tmp_path / FILE_NAME
    larger = TOOLS.with_tools((BELL,))
    larger.save(path)
    assert ToolRegistry.load(path) == larger
    assert json.loads(path.read_text(encoding="utf-8"))["tools"][-1]["name"] == "bell"


@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}', '{"schema": 1, "tools": [{}]}'])
def test_a_file_that_is_no_registry_is_refused_by_name(tmp_path, content):
    path = tmp_path / FILE_NAME
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match=r"tool_registry.json: it is no tool registry"):
        ToolRegistry.load(path)


def test_a_registry_of_a_newer_understudy_is_refused(tmp_path):
    path = tmp_path / FILE_NAME
    path.write_text('{"schema": 99, "tools": []}', encoding="utf-8")
    with pytest.raises(FormatError, match="newer Understudy"):
        ToolRegistry.load(path)


def test_a_registry_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FormatError, match="cannot be read"):
        ToolRegistry.load(tmp_path / FILE_NAME)


def test_tools_are_found_in_any_case_and_unknown_ones_named_with_the_known():
    assert TOOLS.get(" Roll ") is TOOLS["roll"]
    assert "ROLL" in TOOLS
    assert 3 not in TOOLS
    assert TOOLS.get("bell") is None
    with pytest.raises(UsageError, match="there is no tool 'bell'; the registry holds: roll, "):
        TOOLS["bell"]


def test_a_call_is_made_from_values_in_order():
    assert TOOLS.call("save", "dex", "Mira", 15).arguments == {
        "type": "dexterity", "character": "Mira", "dc": 15,
    }  # fmt: skip
    with pytest.raises(UsageError, match="cannot be called like that: dc is missing"):
        TOOLS.call("save", "dex", "Mira")


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        (ToolSpec(name="Ring Bell"), "no name for a tool"),
        (ToolSpec(name="roll"), "twice"),
        (ToolSpec(name="x", arguments=(Argument(name="a"), Argument(name="a"))), "one name"),
        (
            ToolSpec(name="x", arguments=(Argument(name="a", required=False), Argument(name="b"))),
            "put the required ones first",
        ),
    ],
)
def test_a_tool_that_could_not_be_called_is_refused(tool, reason):
    with pytest.raises(UsageError, match=reason):
        TOOLS.with_tools((tool,))
