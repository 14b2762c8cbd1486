"""OpenAI Chat Completions, and the many servers that speak it with an accent.

Accents understood: reasoning under ``reasoning_content`` or ``reasoning``, content as parts,
tool-call deltas without an index or that share one, arguments as objects, no ``[DONE]``.
Of spoken answers the id and the transcript are kept, not the sound; log probabilities are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from understudy.chat.dialects.wire import Answer, WireDialect, error_text
from understudy.chat.messages import (
    arguments_text,
    assistant_message,
    custom_call,
    function_call,
    function_tool,
    text_of,
    usage_counts,
)
from understudy.chat.record import CallRequest, Message
from understudy.errors import FormatError

_CONTENT = re.compile(
    rb'"(?:content|reasoning_content|reasoning|refusal|text|name|arguments)"\s*:\s*"[^"]'
)
_REQUEST_FIELDS = frozenset({"model", "messages", "tools", "functions", "stream"})
_CUTS = {
    "length": "the token limit cut the answer",
    "max_tokens": "the token limit cut the answer",
    "model_length": "the model's context limit cut the answer",
    "content_filter": "a content filter cut the answer",
    "insufficient_system_resource": "the server ran out of resources during the answer",
}


class OpenAIChat(WireDialect):
    """``POST …/chat/completions``."""

    name: ClassVar[str] = "openai-chat"
    end_of_stream: ClassVar[bytes] = b"[DONE]"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.rstrip("/").endswith("/chat/completions")

    def first_content(self, chunk: bytes) -> bool:
        return _CONTENT.search(chunk) is not None

    def read_request_fields(self, fields: dict[str, Any]) -> CallRequest:
        messages = fields.get("messages")
        if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages):
            raise FormatError("a Chat Completions request needs a list of objects in 'messages'")
        tools = fields.get("tools")
        kept = [t for t in tools if isinstance(t, dict)] if isinstance(tools, list) else []
        functions = fields.get("functions")
        if isinstance(functions, list):
            kept.extend(function_tool(f) for f in functions if isinstance(f, dict))
        model = fields.get("model")
        return CallRequest(
            dialect=self.name,
            model=model if isinstance(model, str) else "",
            messages=[_without_nulls(message) for message in messages],
            tools=kept,
            params={k: v for k, v in fields.items() if k not in _REQUEST_FIELDS},
            stream=fields.get("stream") is True,
        )

    def read_whole(self, request: CallRequest, body: dict[str, Any]) -> Answer:
        answer = Answer(finished=True)
        choices: dict[int, _Choice] = {}
        _read_event(answer, choices, body)
        if not choices:
            answer.unreadable = "the answer holds no choices"
        return _close(answer, choices)

    def read_stream(self, request: CallRequest, events: Iterable[Any], over: bool) -> Answer:
        answer = Answer()
        choices: dict[int, _Choice] = {}
        for event in events:
            if type(event) is dict:
                _read_event(answer, choices, event)
            else:
                answer.unreadable = "an event of the stream is not an object"
        asked = request.params.get("n")
        expected = asked if type(asked) is int and asked > 1 else 1
        all_ended = len(choices) >= expected and all(c.finish_reason for c in choices.values())
        answer.finished = bool(choices) and (over or all_ended)
        return _close(answer, choices)


class _Choice:
    """One answer while its pieces come in."""

    __slots__ = ("audio", "calls", "finish_reason", "function", "lists", "reasoning", "refusal",
                 "text")  # fmt: skip

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.calls: list[_Call] = []
        self.function: _Call | None = None
        self.audio: dict[str, str] = {}
        self.lists: dict[str, list[Any]] = {}
        self.finish_reason: str | None = None

    def add(self, delta: dict[str, Any]) -> None:
        if len(delta) == 1 and type(text := delta.get("content")) is str:  # nearly every piece
            if text:
                self.text.append(text)
            return
        for key, value in delta.items():
            if not value or key == "role":
                continue
            if key == "content":
                if type(value) is str:
                    self.text.append(value)
                else:
                    self._add_parts(value)
            elif key == "reasoning_content" or (
                key == "reasoning" and "reasoning_content" not in delta
            ):
                if type(value) is str:
                    self.reasoning.append(value)
            elif key == "refusal":
                if type(value) is str:
                    self.refusal.append(value)
            elif key == "tool_calls":
                self._add_calls(value)
            elif key == "function_call" and isinstance(value, dict):
                self.function = self.function or _Call(None)
                self.function.add(value)
            elif key == "audio" and isinstance(value, dict):
                for name in ("id", "transcript"):
                    if isinstance(value.get(name), str):
                        before = self.audio.get(name, "") if name == "transcript" else ""
                        self.audio[name] = before + value[name]
            elif key == "annotations" and isinstance(value, list):
                self.lists.setdefault(key, []).extend(value)

    def _add_parts(self, parts: Any) -> None:
        """Content as a list of parts, where thinking may be a part of its own."""
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") == "thinking":
                self.reasoning.append(text_of(part.get("thinking")))
            else:
                self.text.append(text_of([part]))

    def _add_calls(self, deltas: Any) -> None:
        for delta in deltas if isinstance(deltas, list) else ():
            if not isinstance(delta, dict):
                continue
            call = self._call_of(delta)
            call.call_id = call.call_id or _string(delta.get("id"))
            kind = "custom" if isinstance(delta.get("custom"), dict) else "function"
            if kind == "custom":
                call.custom = True
            fields = delta.get(kind)
            if isinstance(fields, dict):
                call.add(fields)

    def _call_of(self, delta: dict[str, Any]) -> _Call:
        """The call that a delta goes on with: by its index, else by its id, else the last one.

        Some servers number every call 0; a new id that comes with a name begins a new call.
        """
        index, call_id = delta.get("index"), delta.get("id")
        if type(index) is int:
            known = next((c for c in reversed(self.calls) if c.index == index), None)
        elif call_id:
            known = next((c for c in self.calls if c.call_id == call_id), None)
        else:
            known = self.calls[-1] if self.calls and not _call_name(delta) else None
        if known is not None and call_id and known.call_id and known.call_id != call_id:
            known = None if _call_name(delta) else known
        if known is None:
            known = _Call(index if type(index) is int else None)
            self.calls.append(known)
        return known

    def message(self) -> Message:
        calls = self.calls
        if any(call.index is not None for call in calls):
            calls = sorted(calls, key=lambda call: call.index or 0)
        legacy = self.function.fields() if self.function else None
        return assistant_message(
            "".join(self.text),
            refusal="".join(self.refusal),
            reasoning="".join(self.reasoning),
            tool_calls=[call.message_part() for call in calls],
            function_call=legacy,
            audio=self.audio,
            **self.lists,
        )

    def anything(self) -> bool:
        return bool(
            self.finish_reason
            or self.text
            or self.reasoning
            or self.refusal
            or self.calls
            or self.function
            or self.audio
        )


class _Call:
    """One tool call while its pieces come in."""

    __slots__ = ("arguments", "call_id", "custom", "index", "name")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.call_id = ""
        self.custom = False
        self.name = ""
        self.arguments: list[str] = []

    def add(self, fields: dict[str, Any]) -> None:
        name = fields.get("name")
        # Some servers repeat the whole name with every piece of the arguments.
        if isinstance(name, str) and name != self.name:
            self.name += name
        arguments = fields.get("input" if self.custom else "arguments")
        if arguments is not None:
            self.arguments.append(arguments_text(arguments))

    def fields(self) -> dict[str, str]:
        return {"name": self.name, "arguments": "".join(self.arguments)}

    def message_part(self) -> dict[str, Any]:
        build = custom_call if self.custom else function_call
        return build(self.call_id, self.name, "".join(self.arguments))


def _read_event(answer: Answer, choices: dict[int, _Choice], event: dict[str, Any]) -> None:
    found = event.get("choices")
    for choice in found if type(found) is list else ():
        if type(choice) is not dict:
            continue
        index = choice.get("index")
        if type(index) is not int:
            index = 0
        state = choices.get(index)
        if state is None:
            state = choices[index] = _Choice()
        delta = choice.get("delta") or choice.get("message")
        if type(delta) is dict:
            state.add(delta)
        reason = choice.get("finish_reason")
        if type(reason) is str and reason:
            state.finish_reason = reason
            if reason == "error":
                answer.error = error_text(choice) or "the server ended the answer with an error"
    if answer.response_id is None:
        answer.response_id = _string(event.get("id")) or None
    if answer.model is None:
        answer.model = _string(event.get("model")) or None
    if event.get("usage"):
        answer.usage = usage_counts(event["usage"])
    if event.get("error") and answer.error is None:
        answer.error = error_text(event)


def _close(answer: Answer, choices: dict[int, _Choice]) -> Answer:
    ordered = [choices[index] for index in sorted(choices)]
    if answer.finished or any(choice.anything() for choice in ordered):
        answer.choices = [choice.message() for choice in ordered]
    if ordered:
        answer.finish_reason = ordered[0].finish_reason
    answer.cut = next((_CUTS[c.finish_reason] for c in ordered if c.finish_reason in _CUTS), None)
    return answer


def _call_name(delta: dict[str, Any]) -> Any:
    fields = delta.get("function") or delta.get("custom")
    return fields.get("name") if isinstance(fields, dict) else None


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _without_nulls(message: Message) -> Message:
    """Clients that send an answer back dump its empty fields with it; they say nothing."""
    if None not in message.values():
        return message
    return {k: v for k, v in message.items() if v is not None or k == "content"}
