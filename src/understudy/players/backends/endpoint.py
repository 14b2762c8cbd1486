"""Asking a model server a question: patiently, within a budget, and never twice for the same.

Whoever needs an answer (a player, a judge) says what to ask; here are the waits and retries, the
rate limit, the cap on spending, the cache, and the ways to ask for JSON. Every request goes through
the capture, so that it stands in the session as a chat.
"""

from __future__ import annotations

import hashlib
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.capture.client import capture_client
from understudy.config import Settings
from understudy.errors import PlayerError
from understudy.players.backends.answer_cache import AnswerCache
from understudy.players.backends.endpoint_client import Answer, EndpointClient, Trouble
from understudy.players.backends.json_reply import read_json_reply
from understudy.players.backends.ledger import Ledger
from understudy.session.masking import Masker
from understudy.store.ulids import new_ulid

if TYPE_CHECKING:
    import openai

    from understudy.session.recording.recorder import SessionRecorder

logger = logging.getLogger("understudy.players")

LONGEST_WAIT_S = 300.0
"""A server that asks to wait longer than this is not waited for."""
_LONGEST_BACKOFF_S = 60.0
_CUT = "the answer was cut off by the limit of tokens or by a filter; be shorter"
_WAYS = ("json_schema", "json_object", "none")
"""How JSON is asked for, from the strictest on."""

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Clock:
    """Time and chance; tests put their own here."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    """Ctrl-C ends a sleep."""
    chance: Callable[[], float] = field(default=random.random)
    """0 to 1; spreads the retries of several workers."""


@dataclass(frozen=True)
class Completion:
    """An answer, and what it took."""

    text: str
    parsed: dict[str, Any] | None
    """The JSON object in it, where one was asked for and could be read."""
    tokens: dict[str, int]
    """``input`` and ``output``; empty where the server does not count them; 0 when cached."""
    cost: float
    """By the prices of the settings; 0 when cached."""
    model: str
    cached: bool
    attempts: int
    """Requests that were made; 0 when cached."""
    latency_s: float
    """Of the request that was answered, without the waits before it."""
    repaired: bool = False
    """Whether ``text`` was no JSON as it stood."""
    refused: str = ""
    """Why it is of no use, in words for the model; empty where it is."""


class ChatEndpoint:
    """A model on an OpenAI-compatible server; to be closed.

    ``folder`` is where the cache and the count of what was spent lie, shared by all processes that
    use it; without one there is no cache, and each process counts alone. PlayerError when there is
    no model, no key where one is needed, or no package to ask with.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        model: str | None = None,
        folder: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._chat = chat = settings.chat
        self.model = model or chat.model
        if not self.model:
            raise PlayerError(
                "no model is named; give one with `--model`, or as `model` in the section [chat] "
                "of understudy.toml"
            )
        if chat.spend_limit is not None and not (
            chat.price_input_per_million or chat.price_output_per_million
        ):
            raise PlayerError(
                "[chat] spend_limit is set without prices, so that nothing can be counted; set "
                "price_input_per_million and price_output_per_million in understudy.toml"
            )
        self._client = EndpointClient(chat)
        self.address = self._client.address
        self._clock = clock or Clock()
        self._cache = AnswerCache(folder) if folder and chat.cache else None
        self._ledger = Ledger(folder)
        self.masker = Masker(
            enabled=settings.mask.enabled, kinds=settings.mask.kinds, words=settings.mask.words
        )
        self._account = new_ulid()
        self._way = _WAYS.index("json_schema" if chat.structured == "auto" else chat.structured)
        self._limit_name = "max_tokens"
        self._captured: tuple[SessionRecorder, openai.OpenAI] | None = None

    def spend_from(self, account: str) -> None:
        """Count from here on under this name: all who use it share one ``spend_limit``."""
        self._account = account

    def complete(
        self,
        messages: Messages,
        *,
        schema: dict[str, Any] | None = None,
        session: SessionRecorder | None = None,
        purpose: str,
        seed: int | None = None,
    ) -> Completion:
        """The model's answer to ``messages``; with ``schema``, an object that it describes.

        A server need not keep to the schema: check ``parsed``. Calls are recorded in ``session``,
        and an answer from the cache as an event of the kind ``chat_cached``. ``purpose`` is a word
        for both. Where answers vary, only questions of the same ``seed`` share one. PlayerError
        when there is no answer to be had, or the money is spent.
        """
        key = self._key(messages, schema, seed)
        known = self._cache.get(key, self._clock.now()) if self._cache else None
        if known is not None:
            if session is not None:
                session.event("chat_cached", purpose=purpose, model=self.model, key=key)
            counted = {"input": 0, "output": 0}
            answer = Answer(known, cut=False, model=self.model, tokens=counted)
            return _completion(answer, schema, cached=True)
        answer, attempts, latency = self._ask(messages, schema, session, purpose)
        cost = self._pay(answer)
        completion = _completion(answer, schema, cost=cost, attempts=attempts, latency=latency)
        if self._cache and self._may_be_kept(completion):
            self._cache.put(key, completion.text, self._clock.now())
        return completion

    def close(self) -> None:
        """End all connections and let go of the files."""
        self._captured = None
        self._client.close()
        self._ledger.close()
        if self._cache:
            self._cache.close()

    # Asking --------------------------------------------------------------------------------------

    def _ask(
        self,
        messages: Messages,
        schema: dict[str, Any] | None,
        session: SessionRecorder | None,
        purpose: str,
    ) -> tuple[Answer, int, float]:
        """The answer, the requests it took, and the seconds that the last one took."""
        client = self._watched(session)
        way, requests, failures = self._way, 0, 0
        refusal: Trouble | None = None
        while True:
            self._check_spending()
            self._keep_pace()
            requests += 1
            begun = time.perf_counter()
            result = self._client.send(client, self._body(messages, schema, purpose, way))
            if isinstance(result, Answer):
                self._way = way
                return result, requests, time.perf_counter() - begun
            if result.kind == "refused":
                refusal = refusal or result
                if self._limit_name == "max_tokens" and "max_completion_tokens" in result.reason:
                    self._limit_name = "max_completion_tokens"
                    continue
                if schema and self._chat.structured == "auto" and way < len(_WAYS) - 1:
                    way += 1
                    continue
            if result.kind != "busy":
                raise self._error(refusal or result)
            failures += 1
            wait = self._wait_after(result, failures)
            if session is not None:
                session.event(
                    "chat_failed", purpose=purpose, attempt=failures, reason=result.reason
                )
            if failures >= self._chat.attempts or wait > LONGEST_WAIT_S:
                raise self._error(result, failures, wait)
            logger.info("%s: %s; trying again in %.1f s", self.address, result.reason, wait)
            self._clock.sleep(wait)

    def _body(
        self, messages: Messages, schema: dict[str, Any] | None, purpose: str, way: int
    ) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            self._limit_name: self._chat.max_output_tokens,
        }
        if self._chat.temperature is not None:
            body["temperature"] = self._chat.temperature
        if schema and _WAYS[way] == "json_schema":
            described = {"name": purpose, "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        elif schema and _WAYS[way] == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _watched(self, session: SessionRecorder | None) -> openai.OpenAI:
        """The client whose calls are recorded in ``session``."""
        if session is None:
            return self._client.plain
        if self._captured is None or self._captured[0] is not session:
            self._captured = session, capture_client(self._client.plain, session=session)
        return self._captured[1]

    def _keep_pace(self) -> None:
        if self._chat.requests_per_minute:
            interval = 60 / self._chat.requests_per_minute
            wait = self._ledger.reserve(self.address, interval, self._clock.now())
            if wait:
                self._clock.sleep(wait)

    def _wait_after(self, trouble: Trouble, failures: int) -> float:
        if trouble.wait_s is not None:
            return trouble.wait_s
        longest = min(self._chat.backoff_s * 2.0 ** (failures - 1), _LONGEST_BACKOFF_S)
        return longest * (0.5 + 0.5 * self._clock.chance())

    def _error(self, trouble: Trouble, failures: int = 1, wait: float = 0.0) -> PlayerError:
        server = f"the model server at {self.address}"
        if trouble.kind != "busy":
            return PlayerError(
                f"{server} refused the call ({trouble.reason}); {self._advice(trouble)}"
            )
        if wait > LONGEST_WAIT_S:
            return PlayerError(
                f"{server} asks to wait for {wait:.0f} s ({trouble.reason}); go on after that, or "
                "set `requests_per_minute` in the section [chat] of understudy.toml"
            )
        times = "1 attempt" if failures == 1 else f"{failures} attempts"
        return PlayerError(
            f"{server} gave no answer in {times} ({trouble.reason}); see that it runs, or raise "
            "`attempts` or `timeout_s` in the section [chat] of understudy.toml"
        )

    def _advice(self, trouble: Trouble) -> str:
        variable = self._chat.api_key_env
        if trouble.status in (401, 403):
            if self._client.has_key:
                return f"check the key in the environment variable {variable}"
            return f"set the environment variable {variable} to your key"
        if trouble.status == 404:
            return f"check [chat] base_url and the model's name, {self.model!r}"
        return f"check that {self.model!r} takes pictures, and the settings in [chat]"

    # Money ---------------------------------------------------------------------------------------

    def _check_spending(self) -> None:
        limit = self._chat.spend_limit
        if limit is None:
            return
        spent = self._ledger.spent(self._account)
        if spent >= limit:
            raise PlayerError(
                f"{spent:.4f} is spent and the limit is {limit:g}; to go on, raise `spend_limit` "
                "in the section [chat] of understudy.toml"
            )

    def _pay(self, answer: Answer) -> float:
        chat = self._chat
        cost = (
            answer.tokens.get("input", 0) * chat.price_input_per_million
            + answer.tokens.get("output", 0) * chat.price_output_per_million
        ) / 1_000_000
        if chat.spend_limit is not None:
            if not answer.tokens:
                raise PlayerError(
                    f"the model server at {self.address} does not say how many tokens it used, so "
                    "that [chat] spend_limit cannot be kept; remove it to play without a limit"
                )
            self._ledger.spend(self._account, cost, self._clock.now())
        return cost

    # The cache -----------------------------------------------------------------------------------

    def _key(self, messages: Messages, schema: dict[str, Any] | None, seed: int | None) -> str:
        """A hash of all that decides the answer, however the server wants to be asked."""
        chat = self._chat
        asked = [
            self.address,
            self.model,
            messages,
            schema,
            chat.structured,
            chat.max_output_tokens,
            chat.temperature,
            None if chat.temperature == 0 else seed,
        ]
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def _may_be_kept(self, completion: Completion) -> bool:
        """Whether an answer is worth keeping.

        What would be masked in a session must not lie open here, and masked it would be another.
        """
        if completion.refused or not completion.text:
            return False
        return not self.masker.find(completion.text)


def _completion(
    answer: Answer,
    schema: dict[str, Any] | None,
    *,
    cost: float = 0.0,
    cached: bool = False,
    attempts: int = 0,
    latency: float = 0.0,
) -> Completion:
    reply = read_json_reply(answer.text) if schema and not answer.cut else None
    return Completion(
        text=answer.text,
        parsed=reply.value if reply else None,
        tokens=answer.tokens,
        cost=cost,
        model=answer.model,
        cached=cached,
        attempts=attempts,
        latency_s=latency,
        repaired=reply.repaired if reply else False,
        refused=reply.reason if reply else _CUT if answer.cut else "",
    )
