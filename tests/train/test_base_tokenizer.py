"""The base's tokenizer: SentencePiece and transformers agree; the loss sees the right tokens."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from understudy.chat.scenarios.generating import scenarios
from understudy.train.base import corpus
from understudy.train.base.tokenizer import ASSISTANT, END, train_tokenizer

pytestmark = pytest.mark.slow  # transformers is loaded

STRANGE = (
    " Zürich — “naïve” 🙂",
    " 12345 and 2d6+3, -17",
    "  two spaces\n\nand lines",
    " <x> {y} [check: stealth, Mira]",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(corpus.tokenizer_lines(1, 300), made, vocabulary=768)
    return made


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_sentencepiece_and_transformers_give_the_same_tokens(folder: Path, tokenizer: Any) -> None:
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    said = [f" {turn.text}" for chat in islice(corpus.chats(9), 150) for turn in chat.turns] + list(
        STRANGE
    )
    for text in said:
        assert tokenizer.encode(text, add_special_tokens=False) == pieces.encode(text), text


def test_every_text_comes_back_as_it_was(tokenizer: Any) -> None:
    for text in STRANGE:
        tokens = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(tokens) == text


def test_the_loss_sees_the_dungeon_masters_words_and_the_end_token_alone(tokenizer: Any) -> None:
    scenario = next(scenarios.training(1, 1))
    rendered = tokenizer.apply_chat_template(
        scenario.messages(), return_dict=True, return_assistant_tokens_mask=True
    )
    seen = [
        token
        for token, scored in zip(rendered["input_ids"], rendered["assistant_masks"], strict=True)
        if scored
    ]
    said = [turn.text for turn in scenario.turns if turn.speaker == "dm"]
    assert tokenizer.decode(seen) == "".join(f" {text}{END}" for text in said)
    assert ASSISTANT not in tokenizer.convert_ids_to_tokens(seen)


def test_the_settings_that_llama_cpp_asks_for_are_there(folder: Path) -> None:
    import json

    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    assert config["add_bos_token"] is False
    assert config["add_prefix_space"] is False
