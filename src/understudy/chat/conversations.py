"""Finds the calls that belong to one conversation, although no API says so.

A client sends the whole history with each call. So a call goes on with the conversation whose last
answer its history ends in, or else with the one that opened in the same words.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from understudy.chat import json_values
from understudy.chat.messages import SYSTEM_ROLES, text_of
from understudy.chat.record import Message

_CANDIDATES = 8


class ConversationIndex:
    """Remembers which answers and which openings belong to which conversation.

    Holds hashes only, of the last ``limit`` answers and openings; a conversation that is forgotten
    and then goes on gets a new id. Safe to use from several threads.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._answers: OrderedDict[int, dict[str, int]] = OrderedDict()
        self._openings: OrderedDict[int, str] = OrderedDict()
        self._responses: OrderedDict[str, str] = OrderedDict()

    def assign(
        self, messages: Sequence[Message], *, previous_response_id: str | None = None
    ) -> str:
        """The id of the conversation that a call with this history belongs to.

        An answer that several conversations got ("Yes.") decides only together with the opening.
        ``previous_response_id`` is the server's id of the answer that the call goes on from, where
        its API has one.
        """
        opening = _opening(messages)
        last = next((m for m in reversed(messages) if m.get("role") == "assistant"), None)
        answer = _fingerprint(last) if last is not None else None
        with self._lock:
            found = (
                _get(self._responses, previous_response_id)
                or self._by_answer(answer, opening)
                or _get(self._openings, opening)
            )
            if found is None:
                found = uuid4().hex
            self._put(self._openings, opening, found)
        return found

    def remember(
        self,
        conversation_id: str,
        messages: Sequence[Message],
        response: Message | None,
        *,
        response_id: str | None = None,
    ) -> None:
        """Notes an answer as part of a conversation, once it is there."""
        opening = _opening(messages)
        with self._lock:
            self._put(self._openings, opening, conversation_id)
            if response_id:
                self._put(self._responses, response_id, conversation_id)
            if response is not None:
                answer = _fingerprint(response)
                owners = _get(self._answers, answer) or {}
                owners.pop(conversation_id, None)
                owners[conversation_id] = opening
                while len(owners) > _CANDIDATES:
                    del owners[next(iter(owners))]
                self._put(self._answers, answer, owners)

    def _by_answer(self, answer: int | None, opening: int) -> str | None:
        owners = _get(self._answers, answer)
        if not owners:
            return None
        if len(owners) == 1:
            return str(next(iter(owners)))
        same = [str(owner) for owner, opened in owners.items() if opened == opening]
        return same[-1] if same else None

    def _put(self, table: OrderedDict[Any, Any], key: Any, value: Any) -> None:
        table[key] = value
        table.move_to_end(key)
        if len(table) > self._limit:
            table.popitem(last=False)


def _get(table: OrderedDict[Any, Any], key: Any) -> Any:
    found = table.get(key)
    if found is not None:
        table.move_to_end(key)
    return found


def _opening(messages: Sequence[Message]) -> int:
    """Hash of the leading system messages and the first message after them."""
    opening = []
    for message in messages:
        opening.append(_fingerprint(message))
        if message.get("role") not in SYSTEM_ROLES:
            break
    return hash(tuple(opening))


def _fingerprint(message: Message) -> int:
    """Hash of role, content and tool calls.

    The same for content as a string and as one text part, and for arguments whose JSON was written
    anew on its way through the client.
    """
    content = message.get("content")
    told: Any = text_of(content)
    if isinstance(content, list) and any(_type(part) != "text" for part in content):
        told = json_values.encode_text(content)
    return hash((str(message.get("role")), told, tuple(_calls(message))))


def _calls(message: Message) -> Iterator[tuple[str, str, str]]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            inner = call.get("function") or call.get("custom")
            if isinstance(inner, dict):
                yield str(call.get("id")), str(inner.get("name")), _arguments(inner)


def _arguments(call: dict[str, Any]) -> str:
    text = call.get("arguments", call.get("input"))
    try:
        parsed = json_values.decode(text.encode()) if isinstance(text, str) else text
    except ValueError:
        return str(text)
    return json_values.encode_sorted(parsed)


def _type(part: Any) -> Any:
    return part.get("type") if isinstance(part, dict) else None
