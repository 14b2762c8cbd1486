"""The grammar of the calls, held to what llama.cpp makes of it: no call can be malformed."""

from __future__ import annotations

import pytest
from msgspec import structs

from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.call_grammar import call_grammar, held_to, held_to_sheet, read_grammar
from understudy.chat.tools.grammar_pattern import as_pattern
from understudy.chat.tools.registry import TOOLS, Argument, ToolRegistry, ToolSpec
from understudy.formats.scenario_markdown import TRAINING, read_scenario, scenario_paths
from understudy.players.backends.llama_cpp import LlamaServer

pytestmark = pytest.mark.slow  # llama.cpp is loaded

FOUND = ToolRegistry(
    [
        ToolSpec(name="rest"),
        ToolSpec(
            name="trade-in",
            arguments=(
                Argument(name="thing"),
                Argument(name="price", kind="integer", minimum=0, maximum=5_000),
                Argument(name="mood", kind="choice", choices=('"so-so"', "fine"), required=False),
                Argument(name="change", kind="change", minimum=-3, maximum=3, required=False),
            ),
        ),
        ToolSpec(name="any", arguments=(Argument(name="number", kind="integer"),)),
    ]
)


@pytest.fixture(scope="module")
def server(f16_file):
    with LlamaServer(f16_file) as server:
        yield server


def drawn(server, grammar, count):
    """What a model without sense says under a grammar, hot, so that it says anything."""
    return [
        server.chat(
            {
                "messages": [{"role": "user", "content": "Go on."}],
                "grammar": grammar, "temperature": 3.0, "top_k": 0, "top_p": 1.0, "seed": seed,
                "max_tokens": 300,
            }
        )["choices"][0]
        for seed in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("registry", "number"),
    [(registry, number) for registry in (TOOLS, FOUND) for number in range(len(registry))],
)
def test_every_call_that_a_model_without_sense_ends_is_one_its_tool_accepts(
    server, registry, number
):
    tool = list(registry)[number]
    rules = call_grammar(registry).splitlines()[1:]
    root = f'root ::= "[" call-{number} "]"'
    choices = drawn(server, "\n".join((root, *rules)), 12)
    said = [one["message"]["content"] for one in choices if one["finish_reason"] == "stop"]
    assert len(said) >= 6
    for text in said:
        (placed,) = read_brackets(text, registry).calls or [None]
        assert placed is not None, text
        assert (placed.call.tool, placed.end) == (tool.name, len(text))


def test_whatever_the_scenarios_say_can_be_said():
    pattern = as_pattern(call_grammar(TOOLS))
    turns = [
        turn.text
        for path in scenario_paths(TRAINING)
        for turn in read_scenario(path).scenario.turns
        if turn.speaker == "dm"
    ]
    assert len(turns) > 2_000
    assert [turn for turn in turns if not pattern.fullmatch(turn)] == []
    for wrong in (
        "[check: stealth]",
        "[check: juggling, Mira]",
        "[save: wisdom, Mira, 40]",
        "[Hm]",
    ):
        assert not pattern.fullmatch(f"Well. {wrong}")


def test_heroes_alone_make_checks_saves_and_castings_and_anybody_can_be_hurt():
    pattern = as_pattern(held_to(call_grammar(TOOLS), ["Mira", 'Jo "Owl" Hart']))
    for right in (
        "[check: stealth, Mira]",
        '[save: wisdom, Jo "Owl" Hart, 12]',
        "[spellcast: player, light, 0]",
        "[health: the gargoyle, -7] [inventory: miller, add, rope]",
    ):
        assert pattern.fullmatch(right), right
    for wrong in (
        "[check: stealth, Bump]",
        "[save: wisdom, Mir, 12]",
        "[save: wisdom, Mirabel, 12]",
        "[spellcast: the widow, light, 0]",
    ):
        assert not pattern.fullmatch(wrong), wrong


def test_a_model_without_sense_calls_nobody_else_for_a_check(server):
    rules = held_to(call_grammar(TOOLS), ["Mira", "Jo Hart"]).splitlines()[1:]
    number = TOOLS.names.index("check")
    choices = drawn(server, "\n".join((f'root ::= "[" call-{number} "]"', *rules)), 12)
    said = [one["message"]["content"] for one in choices if one["finish_reason"] == "stop"]
    named = {read_brackets(text).calls[0].call.arguments["character"] for text in said}
    assert named <= {"Mira", "Jo Hart", "player"}
    assert len(named) > 1


def test_a_chat_is_held_to_its_sheet_where_the_house_rules_stand_in_it():
    grammar = call_grammar(TOOLS)
    scenario = read_scenario(next(iter(scenario_paths(TRAINING)))).scenario
    held = held_to_sheet(grammar, scenario.messages())
    assert held == held_to(grammar, [hero.name for hero in scenario.party]) != grammar
    other = structs.replace(scenario, rules="Whoever likes to rolls.")
    assert held_to_sheet(grammar, other.messages()) == grammar
    nobody = structs.replace(scenario, party=())
    assert held_to_sheet(grammar, nobody.messages()) == grammar
    assert held_to(grammar, ["no, name]"]) == grammar


def test_without_tools_there_is_no_grammar(tmp_path):
    assert call_grammar(ToolRegistry()) == ""
    assert read_grammar(tmp_path) == ""
