"""A model small enough to be trained in a second, made once, and chats to train it on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

NAMES = ("Mira", "Thordak", "Elara", "Sara")
THINGS = ("door", "chest", "gate", "rope", "sword")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """The tests share their cores with others."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers that has learned nothing, with a tokenizer as llama.cpp wants it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from understudy.train.base.tokenizer import train_tokenizer
    from understudy.train.loading import quiet

    folder = tmp_path_factory.mktemp("base") / "tiny"
    lines = [
        f"{name} opens the {thing}; a matter of stealth, perception and arcana. {number}"
        for name in NAMES
        for thing in THINGS
        for number in range(20)
    ]
    train_tokenizer(lines, folder, vocabulary=420)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=420,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=3,
        )
    )
    with quiet():
        model.save_pretrained(folder)
    return folder


def sneaking(name: str, thing: str) -> dict[str, Any]:
    """A chat in which somebody sneaks, in the shape of a training file."""
    return {
        "messages": [
            {"role": "system", "content": "Role: Dungeon Master"},
            {"role": "user", "content": f"{name} sneaks past the {thing}."},
            {"role": "assistant", "content": f"{name} moves. [check: stealth, {name}]"},
        ]
    }


def looking(name: str, thing: str) -> dict[str, Any]:
    """A chat in which somebody looks."""
    return {
        "messages": [
            {"role": "user", "content": f"{name} looks at the {thing}."},
            {"role": "assistant", "content": f"[check: perception, {name}]"},
        ]
    }


@pytest.fixture(scope="session")
def sneaks() -> list[dict[str, Any]]:
    return [sneaking(name, thing) for name in NAMES for thing in THINGS]


@pytest.fixture(scope="session")
def looks() -> list[dict[str, Any]]:
    return [looking(name, thing) for name in NAMES for thing in THINGS[:2]]
