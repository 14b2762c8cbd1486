"""A model file as it runs in a game, where its calls are held to the tools and the party sheet.

Most of what it says keeps to the grammar anyway, and then the grammar changes no word of it. So of
a file that was measured alone, only what the grammar refuses is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from understudy.chat.tools.grammar_pattern import as_pattern
from understudy.players.backends.chat_model import Answer, ChatModel, Messages, Progress

_Asked = tuple[str, int, float, int]
Heard = dict[_Asked, Answer]
"""What a model said to each chat, and how it was asked."""


class Overheard:
    """A model whose answers are noted in ``heard``."""

    def __init__(self, model: ChatModel, heard: Heard) -> None:
        self.name = model.name
        self._model = model
        self._heard = heard

    def answer(
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """As `ChatModel.answer`."""
        answers = self._model.answer(
            conversations, max_tokens=max_tokens, temperature=temperature, seed=seed,
            progress=progress,
        )  # fmt: skip
        asked = _asked(conversations, max_tokens, temperature, seed)
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
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """As `ChatModel.answer`."""
        known = [
            self._kept(messages, asked)
            for messages, asked in zip(
                conversations, _asked(conversations, max_tokens, temperature, seed), strict=True
            )
        ]
        again = [chat for chat, answer in zip(conversations, known, strict=True) if answer is None]
        before = len(known) - len(again)
        anew = iter(
            self._model.answer(
                again, max_tokens=max_tokens, temperature=temperature, seed=seed,
                progress=progress and (lambda done, _: progress(before + done, len(known))),
            )
        )  # fmt: skip
        return [answer or next(anew) for answer in known]

    def _kept(self, messages: Messages, asked: _Asked) -> Answer | None:
        answer = self._heard.get(asked)
        keeps = answer is not None and as_pattern(self._grammar(messages)).fullmatch(answer.text)
        return answer if keeps else None

    def close(self) -> None:
        self._model.close()


def _asked(
    conversations: Sequence[Messages], max_tokens: int, temperature: float, seed: int
) -> Iterator[_Asked]:
    for messages in conversations:
        yield json.dumps(messages), max_tokens, temperature, seed
