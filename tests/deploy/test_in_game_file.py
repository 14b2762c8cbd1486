"""A file as it runs in a game says what the same file says that is held at every word."""

from __future__ import annotations

import pytest
from tests.deploy.small_models import HEROES, ITEMS, taking

from understudy.chat.party_sheet import names_on_sheet
from understudy.chat.tools.call_grammar import call_grammar, held_to
from understudy.chat.tools.registry import TOOLS
from understudy.evaluate.in_game import Heard, InGame, Overheard
from understudy.players.backends.llama_cpp import LlamaCppModel

pytestmark = pytest.mark.slow  # llama.cpp is loaded


def grammar(messages):
    return held_to(call_grammar(TOOLS), names_on_sheet(messages))


def chats():
    """Some with heroes whom the model has never read, so that it makes checks for others."""
    found = []
    for number, (hero, item) in enumerate((h, i) for h in (*HEROES, "Zo", "Ux") for i in ITEMS):
        told, said, _ = taking(hero, item)
        sneaks = said | {"content": "I sneak past the guard."}
        found.append([told, sneaks if number % 2 else said])
    return found


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_the_answers_are_those_of_a_model_that_was_held_from_the_beginning(f16_file, temperature):
    how = {"max_tokens": 48, "temperature": temperature, "seed": 3}
    heard: Heard = {}
    alone = Overheard(LlamaCppModel(f16_file), heard)
    free = [one.text for one in alone.answer(chats(), **how)]
    alone.close()
    model = LlamaCppModel(f16_file, grammar=grammar)
    held = [one.text for one in model.answer(chats(), **how)]
    in_game = InGame(model, grammar, heard)
    assert [one.text for one in in_game.answer(chats(), **how)] == held
    in_game.close()
    kept = sum(one == other for one, other in zip(free, held, strict=True))
    assert 0 < kept < len(held)
