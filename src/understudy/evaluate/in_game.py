"""A model file as it runs in a game, where its calls are held to the tools and the party sheet.

Most of what it says keeps to the grammar anyway, and then the grammar changes no word of it. So of
a file that was measured alone, only what the grammar refuses is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from understudy.chat.tools.grammar_pattern import as_pattern
from understudy.players.backends.chat_model import Answer, ChatModel, Messages, Progress

Heard = dict[str, Answer]
"""What a model said, by the chat and how it was asked."""


class Overheard:
    """A model whose answers are noted in ``heard``."""

    def __init__(self, model: ChatModel, heard: Heard) -> None:
        self.name = model.name
        self._model = model
        self._heard = heard

    def answer(
        self, conversations: Sequence[Messages], *, progress: Progress | None = None, **how: Any
    ) -> list[Answer]:
        """As `ChatModel.answer`."""
        answers = self._model.answer(conversations, progress=progress, **how)
        asked = (_asked(messages, how) for messages in conversations)
        self._heard.update(zip(asked, answers, strict=True))
        return answers

    def close(self) -> None:
        self._model.close()


class InGame:
    """A model that is held to a grammar, asked only where it has not kept to it by itself.

    ``model`` is held to what ``grammar`` gives for a chat; ``heard`` is what the same weights said
    when nothing held them.
    """

    def __init__(self, model: ChatModel, grammar: Callable[[Messages], str], heard: Heard) -> None:
        self.name = model.name
        self._model = model
        self._grammar = grammar
        self._heard = heard

    def answer(
        self, conversations: Sequence[Messages], *, progress: Progress | None = None, **how: Any
    ) -> list[Answer]:
        """As `ChatModel.answer`."""
        known = [self._kept(messages, how) for messages in conversations]
        again = [chat for chat, answer in zip(conversations, known, strict=True) if answer is None]
        before = len(known) - len(again)
        told = progress and (lambda done, _: progress(before + done, len(known)))
        anew = iter(self._model.answer(again, progress=told, **how))
        return [answer or next(anew) for answer in known]

    def _kept(self, messages: Messages, how: dict[str, Any]) -> Answer | None:
        answer = self._heard.get(_asked(messages, how))
        keeps = answer is not None and as_pattern(self._grammar(messages)).fullmatch(answer.text)
        return answer if keeps else None

    def close(self) -> None:
        self._model.close()


def _asked(messages: Messages, how: dict[str, Any]) -> str:
    return json.dumps((messages, how), sort_keys=True)
