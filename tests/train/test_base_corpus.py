"""What the base model reads: no call, no bracket, always the same, and nobody's own words."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest

from understudy.chat.scenarios import world
from understudy.chat.tools.registry import TOOLS
from understudy.evaluate.suites import sequences
from understudy.formats.scenario_markdown import (
    TRAINING,
    VALIDATION,
    parse_scenario,
    read_scenario,
    read_scenarios,
)
from understudy.train.base import corpus, make
from understudy.train.base import retold as module
from understudy.train.base.retold import retold

MANY = 1500


def _texts() -> list[str]:
    return [make.render(scenario) for scenario in islice(corpus.chats(1), MANY)]


@pytest.mark.slow
def test_no_bracket_and_no_tool_call_stands_in_the_corpus() -> None:
    call = re.compile(rf"\b(?:{'|'.join(TOOLS.names)}):", re.IGNORECASE)
    for text in _texts():
        assert not set("[]") & set(text)
        assert not call.search(text), text


@pytest.mark.slow
def test_the_words_of_the_tools_stand_in_it_as_prose() -> None:
    read = " ".join(_texts())
    for name in TOOLS.names:
        assert len(re.findall(rf"\b{name}\b", read)) > 20, name


def test_a_chat_has_its_seed_and_number_alone_to_thank() -> None:
    assert corpus.chat(1, 77) == corpus.chat(1, 77)
    assert corpus.chat(1, 77) != corpus.chat(2, 77)
    assert list(islice(corpus.chats(3), 5))[4] == corpus.chat(3, 4)


@pytest.mark.slow
def test_the_base_meets_what_fine_tuning_leaves_out_but_no_held_out_made_up_name() -> None:
    read = " ".join(_texts())
    for name in (*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS):
        assert name in read, name
    for scenario in islice(corpus.chats(1), MANY):
        made_up = {hero.name for hero in scenario.party} - {*world.NAMES, *world.HELD_OUT_NAMES}
        assert not any(world.is_held_out(name) for name in made_up)


@pytest.mark.slow
def test_the_scenarios_set_aside_share_no_eight_words_with_what_is_read() -> None:
    set_aside = [file.scenario for file in read_scenarios([VALIDATION], report=_refuse)]
    wanted = sequences(turn.text for scenario in set_aside for turn in scenario.turns)
    assert len(wanted) > 1000
    assert wanted.isdisjoint(sequences(_texts()))


def test_a_scenario_that_is_retold_says_in_prose_what_its_calls_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = read_scenario(TRAINING / "combat" / "ogre_on_the_bridge.md").scenario
    monkeypatch.setattr(module, "_scenarios", lambda: (scenario,))
    told = [retold(random.Random(seed), lambda rng: rng.choice(world.NAMES)) for seed in range(50)]
    texts = [turn.text for one in told for turn in one.turns if turn.speaker == "dm"]
    assert any("intimidation" in text for text in texts)
    for one in told:
        assert {member.name for member in one.party}.isdisjoint({"Thordak", "Elara"})
        assert not any("Thordak" in turn.text for turn in one.turns)


def test_words_may_be_missing_from_what_is_retold_but_never_what_calls_are_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "While the wind howls, Mira hands Borin her 2 old silver spoons, the last she has."
    scenario = parse_scenario(
        "# SYSTEM\nRole: Dungeon Master\nWorld: Vale of Ash\nLocation: Crypt\nParty:\n"
        "- Mira (Elf Rogue, Level 2, HP: 9/9)\n- Borin (Dwarf Monk, Level 2, HP: 9/9)\n\n"
        f"# USER\n{words}\n\n# DM\n[inventory: Borin, add, silver spoons]\n"
    ).scenario
    monkeypatch.setattr(module, "_scenarios", lambda: (scenario,))
    told = [retold(random.Random(seed), lambda rng: rng.choice(world.NAMES)) for seed in range(300)]
    asked = [one.turns[0].text for one in told]
    lengths = [len(text.split()) for text in asked]
    assert len(asked) / 5 < sum(length < len(words.split()) for length in lengths) < len(asked) / 2
    for text in asked:
        assert {"2", "silver", "spoons,"} <= set(text.split())
        assert sum(name in text for name in world.NAMES) >= 2
    assert {bool(one.party) for one in told} == {True, False}


def _refuse(error: Exception) -> None:
    raise error
