"""What the base model reads: no call, no bracket, always the same, and nobody's own words."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from understudy.chat.scenarios import world
from understudy.chat.scenarios.generating import scenarios
from understudy.chat.tools.registry import TOOLS
from understudy.train.base import corpus, make

MANY = 1500
EIGHT = 8


def _texts() -> list[str]:
    return [make.render(scenario) for scenario in islice(corpus.chats(1), MANY)]


def test_no_bracket_and_no_tool_call_stands_in_the_corpus() -> None:
    call = re.compile(rf"\b(?:{'|'.join(TOOLS.names)}):", re.IGNORECASE)
    for text in _texts():
        assert not set("[]") & set(text)
        assert not call.search(text), text


def test_the_words_of_the_tools_stand_in_it_as_prose() -> None:
    read = " ".join(_texts())
    for name in TOOLS.names:
        assert len(re.findall(rf"\b{name}\b", read)) > 20, name


def test_a_chat_has_its_seed_and_number_alone_to_thank() -> None:
    assert corpus.chat(1, 77) == corpus.chat(1, 77)
    assert corpus.chat(1, 77) != corpus.chat(2, 77)
    assert list(islice(corpus.chats(3), 5))[4] == corpus.chat(3, 4)


def test_the_base_meets_what_fine_tuning_leaves_out_but_no_held_out_made_up_name() -> None:
    read = " ".join(_texts())
    for name in (*world.HELD_OUT_NAMES, *world.HELD_OUT_ITEMS, *world.HELD_OUT_SPELLS):
        assert name in read, name
    for scenario in islice(corpus.chats(1), MANY):
        made_up = {hero.name for hero in scenario.party} - {*world.NAMES, *world.HELD_OUT_NAMES}
        assert not any(world.is_held_out(name) for name in made_up)


def test_the_hand_written_turns_share_no_eight_words_with_what_is_trained_on() -> None:
    own = Path(__file__).with_name("own_words.txt").read_text("utf-8").splitlines()
    wanted = {run for line in own for run in _runs(line.partition("=>")[0])}
    read = {run for text in _texts() for run in _runs(text)}
    for number in range(600):
        for turn in scenarios.training(1, number).turns:
            read.update(_runs(turn.text))
    assert wanted.isdisjoint(read)


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"[\w'+]+", text.lower())
    return {tuple(words[at : at + EIGHT]) for at in range(len(words) - EIGHT + 1)}
