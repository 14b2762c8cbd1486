"""A model behind an OpenAI-compatible server as one that answers chats, for whatever compares them.

Waits, retries, the cap on spending and the cache are those of `ChatEndpoint`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from understudy.config import Settings
from understudy.players.backends.chat_model import Answer, Messages, Progress
from understudy.players.backends.endpoint import ChatEndpoint


class EndpointModel:
    """The model that the section [chat] of the settings names, or another on the same server.

    ``folder`` is as for `ChatEndpoint`. Raises PlayerError as it does.
    """

    def __init__(
        self, settings: Settings, *, model: str | None = None, folder: Path | None = None
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._endpoints: dict[tuple[int, float], ChatEndpoint] = {}
        self.name = model or settings.chat.model
        # Asked for at once, so that a missing key or name is told before the work begins.
        self._endpoint(128, 0.0)

    def answer(
        self,
        conversations: Sequence[Messages],
        *,
        max_tokens: int = 128,
        temperature: float = 0.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[Answer]:
        """As `ChatModel.answer`, one after another; ``seed`` only tells cached answers apart."""
        endpoint = self._endpoint(max_tokens, temperature)
        answers = []
        for number, messages in enumerate(conversations, start=1):
            begun = time.perf_counter()
            made = endpoint.complete(messages, purpose="answer", seed=seed)
            seconds = 0.0 if made.cached else time.perf_counter() - begun
            answers.append(Answer(made.text.strip(), made.tokens.get("output", 0), seconds))
            if progress:
                progress(number, len(conversations))
        return answers

    def close(self) -> None:
        for endpoint in self._endpoints.values():
            endpoint.close()
        self._endpoints.clear()

    def _endpoint(self, max_tokens: int, temperature: float) -> ChatEndpoint:
        """How a server is asked is a matter of settings, so each way has an endpoint of its own."""
        way = (max_tokens, temperature)
        if way not in self._endpoints:
            chat = self._settings.chat.model_copy(
                update={"max_output_tokens": max_tokens, "temperature": temperature}
            )
            settings = self._settings.model_copy(update={"chat": chat})
            self._endpoints[way] = ChatEndpoint(settings, model=self.name, folder=self._folder)
        return self._endpoints[way]
