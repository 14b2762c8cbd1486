"""The contract of a model that answers chats, whatever runs it: a file, a folder or a server.

Answers are bare text without the spaces around it; at temperature 0 the same model gives the same
answers to the same conversations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

Messages = list[dict[str, Any]]
"""``{"role", "content"}`` in order, the last one not the assistant's."""
Progress = Callable[[int, int], None]
"""Told how many conversations are answered, and of how many."""


class Answer(msgspec.Struct, frozen=True):
    """What a model said to a conversation, and what it took."""

    text: str
    tokens: int
    """Generated ones, the end mark among them; 0 where nobody counts."""
    seconds: float
    """Of this answer; where several are made at once, its share."""


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How a model draws its words, where a request does not say."""

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 40
    repeat_penalty: float = 1.1
    max_tokens: int = 512


class ChatModel(Protocol):
    """A model that answers chats; to be closed."""

    name: str
    """As tables and reports call it."""

    def answer(
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """An answer to each conversation, in their order.

        ``seed`` decides where the temperature is above 0. Raises PlayerError where there is no
        answer to be had.
        """

    def close(self) -> None:
        """Give back what is held open; nothing is asked afterwards."""


def tokens_per_second(answers: Sequence[Answer]) -> float | None:
    """How fast the answers were made, reading the conversations included; None for no token."""
    tokens = sum(answer.tokens for answer in answers)
    seconds = sum(answer.seconds for answer in answers)
    return tokens / seconds if tokens and seconds > 0 else None
