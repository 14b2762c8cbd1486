"""The gate before a release: a chat is the same tokens in training, in transformers, in llama.cpp.

A model that is asked in other tokens than it learned from answers worse, and nothing else tells.
Compared are the tokens of each chat up to each answer: as a training row has them, as transformers
writes them for the merged model, and as llama.cpp writes them for the file that ships.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import DeployError
from understudy.players.backends.chat_model import Messages
from understudy.players.backends.llama_cpp import LlamaServer
from understudy.players.backends.transformers_model import prompt_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SHOWN = 8
"""Tokens that are shown around the first difference."""
ODD_CHATS: tuple[Messages, ...] = (
    [{"role": "user", "content": "  two  spaces,\ttabs\n\nand lines \n"}],
    [{"role": "user", "content": "Émile — “naïve” 🐉 漢字 1234567 12,5 +7 [x] <b>"}],
    [
        {"role": "system", "content": "Role: Dungeon Master"},
        {"role": "user", "content": "I look around."},
        # As a server hands out an answer that begins with a space.
        {"role": "assistant", "content": " A door. [check: perception, Mira]"},
        {"role": "tool", "content": "perception: 15 + 10(skill) = *25*"},
        {"role": "user", "content": "And now?"},
    ],
)
"""What chats of a table rarely hold and players type all the same."""


class ParityCheck(msgspec.Struct, frozen=True, kw_only=True):
    """That the gate was passed, and on how much."""

    prompts: int
    tokens: int


def check_parity(
    training: PreTrainedTokenizerBase,
    merged: PreTrainedTokenizerBase,
    server: LlamaServer,
    chats: Sequence[Messages],
    *,
    tools: list[dict[str, Any]] | None = None,
) -> ParityCheck:
    """Compare every prompt of ``chats``. Raises DeployError that shows the first difference.

    ``training`` is the tokenizer that the model was trained with, ``merged`` the one that lies
    beside its weights, and ``server`` runs its GGUF file.
    """
    prompts = tokens = 0
    for chat in chats:
        for prompt in prompts_of(chat):
            ours = prompt_tokens(training, prompt, tools)
            _compare("training", ours, "transformers", prompt_tokens(merged, prompt, tools), merged)
            text = server.prompt_of(prompt, tools)
            _compare("training", ours, "llama.cpp", server.tokens_of(text), merged)
            prompts += 1
            tokens += len(ours)
        for asked, row in _rows_of(training, chat, tools):
            _compare("a prompt", asked, "the same in a training row", row[: len(asked)], training)
    return ParityCheck(prompts=prompts, tokens=tokens)


def prompts_of(chat: Messages) -> list[Messages]:
    """The beginnings of a chat that a model is to answer: each up to an answer, or all of it."""
    ends = [n for n, message in enumerate(chat) if message["role"] == "assistant" and n > 0]
    if chat and chat[-1]["role"] != "assistant":
        ends.append(len(chat))
    return [chat[:end] for end in ends]


def _rows_of(
    tokenizer: PreTrainedTokenizerBase, chat: Messages, tools: list[dict[str, Any]] | None
) -> list[tuple[list[int], list[int]]]:
    """Each prompt that an answer follows, with the tokens of a training row of both."""
    pairs = []
    for prompt in prompts_of(chat):
        answered = chat[: len(prompt) + 1]
        if len(answered) > len(prompt):
            given: Any = tools
            row: Any = tokenizer.apply_chat_template(answered, tools=given, return_dict=False)
            pairs.append((prompt_tokens(tokenizer, prompt, tools), list(row)))
    return pairs


def _compare(
    one: str,
    ours: list[int],
    other: str,
    theirs: list[int],
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    if ours == theirs:
        return
    shorter = min(len(ours), len(theirs))
    place = next((n for n in range(shorter) if ours[n] != theirs[n]), shorter)
    raise DeployError(
        f"{other} reads a chat as other tokens than {one}: from token {place + 1} on "
        f"{_shown(ours, place, tokenizer)} in {one} is {_shown(theirs, place, tokenizer)} in "
        f"{other}; such a model must not ship: use a base whose tokenizer and chat template "
        "llama.cpp understands"
    )


def _shown(tokens: list[int], place: int, tokenizer: PreTrainedTokenizerBase) -> str:
    pieces: Any = tokenizer.convert_ids_to_tokens(tokens[place : place + _SHOWN])
    return f"[{' '.join(map(str, pieces))}]" if pieces else "the end"
