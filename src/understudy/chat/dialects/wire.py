"""What all dialects share: from bytes to parsed events, and from a read answer to a record.

A dialect says how its requests, its events and its whole answers are read; here it is decided how
a call ended, and that nothing that arrives can make the capture fail.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from understudy.chat import json_values
from understudy.chat.exchange import Exchange
from understudy.chat.messages import system_hash, tool_calls_of
from understudy.chat.record import CallRecord, CallRequest, Message, Status
from understudy.chat.sse import read_events
from understudy.errors import FormatError

_LONGEST_ERROR = 1000
_BEFORE_JSON = b"\xef\xbb\xbf \t\r\n"
_STREAM_FIELDS = (b":", b"data", b"event", b"id", b"retry")
_NOT_SENT = ("extra_headers", "extra_query", "timeout")
"""Arguments of the Python clients that are no part of the request's body."""


@dataclass(slots=True)
class Answer:
    """What a dialect read out of an answer."""

    choices: list[Message] = field(default_factory=list)
    finished: bool = False
    """Whether the answer carries its end mark."""
    finish_reason: str | None = None
    """In the words of Chat Completions where it has one, else in the server's."""
    cut: str | None = None
    """Why the model stopped before it was done; None when it was done."""
    error: str | None = None
    """What the server said went wrong."""
    unreadable: str | None = None
    """What of the answer could not be understood."""
    usage: dict[str, int] = field(default_factory=dict)
    response_id: str | None = None
    model: str | None = None


class WireDialect(ABC):
    """Base of the built-in dialects; see ``Dialect`` for what the public methods promise."""

    name: ClassVar[str]
    end_of_stream: ClassVar[bytes] = b""
    """Data of an event that only says that the stream is over."""

    @abstractmethod
    def read_request_fields(self, fields: dict[str, Any]) -> CallRequest:
        """The request in a parsed body. FormatError when it is not what the API takes."""

    @abstractmethod
    def read_stream(self, request: CallRequest, events: Iterable[Any], over: bool) -> Answer:
        """The answer in parsed events; ``over``: the stream's own end mark came."""

    @abstractmethod
    def read_whole(self, request: CallRequest, body: dict[str, Any]) -> Answer:
        """The answer in a parsed body."""

    def read_request(self, body: bytes) -> CallRequest:
        try:
            fields = json_values.decode_writable(body)
        except ValueError as exc:
            raise FormatError(f"the request body is not JSON: {exc}") from None
        if not isinstance(fields, dict):
            raise FormatError("the request body is JSON but not an object")
        return self.read_request_fields(fields)

    def assemble(self, request: CallRequest, exchange: Exchange) -> CallRecord:
        try:
            answer = self._read_answer(request, exchange)
            return _record(request, exchange, answer)
        except Exception as exc:
            return _record(request, exchange, Answer(unreadable=_unread(exc)))

    def record_from_response(
        self,
        request: dict[str, Any],
        response: Any,
        *,
        exchange: Exchange | None = None,
    ) -> CallRecord:
        exchange = exchange or Exchange()
        try:
            asked = self._read_arguments(request)
        except Exception as exc:
            asked = CallRequest(dialect=self.name, model="", messages=[])
            return _record(asked, exchange, Answer(unreadable=_unread(exc)))
        try:
            given = json_values.plain(response)
            if isinstance(given, list):
                answer = self.read_stream(asked, given, over=False)
            elif isinstance(given, dict):
                answer = self._read_object(asked, given)
            else:
                answer = Answer()
            return _record(asked, exchange, answer)
        except Exception as exc:
            return _record(asked, exchange, Answer(unreadable=_unread(exc)))

    def _read_arguments(self, arguments: dict[str, Any]) -> CallRequest:
        fields = json_values.writable(json_values.plain(arguments))
        for name in _NOT_SENT:
            fields.pop(name, None)
        more = fields.pop("extra_body", None)
        if isinstance(more, dict):
            fields.update(more)
        return self.read_request_fields(fields)

    def _read_answer(self, request: CallRequest, exchange: Exchange) -> Answer:
        body = exchange.body
        if body[:64].lstrip(_BEFORE_JSON)[:1] in (b"{", b"["):
            return self._read_json(request, body)
        if (exchange.http_status or 0) >= 400:
            return Answer(error=body[:_LONGEST_ERROR].decode("utf-8", "replace").strip() or None)
        return self._read_sse(request, body)

    def _read_json(self, request: CallRequest, body: bytes) -> Answer:
        try:
            parsed = json_values.decode(body)
        except ValueError as exc:
            return Answer(unreadable=f"the answer is not JSON: {exc}")
        if isinstance(parsed, dict):
            return self._read_object(request, parsed)
        return Answer(error=error_text(parsed), unreadable="the answer is JSON but not an object")

    def _read_object(self, request: CallRequest, parsed: dict[str, Any]) -> Answer:
        answer = self.read_whole(request, parsed)
        answer.error = answer.error or error_text(parsed)
        return answer

    def _read_sse(self, request: CallRequest, body: bytes) -> Answer:
        data, tail, named_error = read_events(body)
        over = False
        if mark := self.end_of_stream:
            if data and data[-1].strip() == mark:
                data[-1] = mark
            if mark in data:
                over = True
                del data[data.index(mark) :]
            elif tail.strip() == mark:
                over = True
        broken: list[str] = []
        events = _decoded(data, b"" if over else tail, broken)
        answer = self.read_stream(request, events, over)
        if named_error is not None and answer.error is None:
            answer.error = _named_error_text(named_error)
        if broken and answer.unreadable is None:
            answer.unreadable = broken[0]
        if not (data or tail or over or _begins_a_stream(body)):
            answer.unreadable = "the answer is neither JSON nor an event stream"
        return answer


def _decoded(data: list[bytes], tail: bytes, broken: list[str]) -> Iterator[Any]:
    """The events one by one, so that a long stream never stands in memory as objects at once."""
    decode = json_values.decode
    for payload in data:
        try:
            yield decode(payload)
        except ValueError:
            broken.append(_excerpt(payload))
    if tail:
        # A connection may break inside an event; what is whole of it counts all the same.
        try:
            event = decode(tail)
        except ValueError:
            return
        yield event


def error_text(value: Any) -> str | None:
    """The words of an error object of any of the APIs; None when the value holds no error."""
    if isinstance(value, list):
        return error_text(value[0]) if value else None
    if not isinstance(value, dict):
        return None
    error = value.get("error")
    if not error and value.get("type") == "error":
        error = value
    if isinstance(error, dict):
        words = error.get("message") or error.get("code") or error.get("type")
        error = words if isinstance(words, str) else json_values.encode_text(error)
    elif error and not isinstance(error, str):
        error = json_values.encode_text(error)
    return error[:_LONGEST_ERROR] if error else None


def _begins_a_stream(body: bytes) -> bool:
    """Whether a body without any data may still be the beginning of an event stream."""
    start = body[:64].lstrip(_BEFORE_JSON)[:5]
    return any(field.startswith(start) or start.startswith(field) for field in _STREAM_FIELDS)


def _named_error_text(payload: bytes) -> str:
    try:
        parsed = json_values.decode(payload)
    except ValueError:
        parsed = None
    if isinstance(parsed, dict):
        parsed = {"error": parsed.get("error") or parsed}
    return error_text(parsed) or payload[:_LONGEST_ERROR].decode("utf-8", "replace")


def _excerpt(payload: bytes) -> str:
    return f"an event of the stream is not JSON: {payload[:80].decode('utf-8', 'replace')!r}"


def _unread(exc: Exception) -> str:
    return f"the call could not be read: {type(exc).__name__}: {exc}"[:_LONGEST_ERROR]


def _record(request: CallRequest, exchange: Exchange, answer: Answer) -> CallRecord:
    status, error = _ending(exchange, answer)
    choices = json_values.writable(answer.choices)
    response = choices[0] if choices else None
    return CallRecord(
        dialect=request.dialect,
        model=json_values.writable(answer.model or request.model),
        messages=request.messages,
        response=response,
        status=status,
        tools=request.tools,
        params=request.params,
        tool_calls=tool_calls_of(response) if response else [],
        finish_reason=json_values.writable(answer.finish_reason),
        usage=json_values.writable(answer.usage),
        stream=request.stream,
        response_id=json_values.writable(answer.response_id),
        system_hash=system_hash(request.messages),
        first_token_s=exchange.first_token_s,
        total_s=exchange.total_s,
        http_status=exchange.http_status,
        error=json_values.writable(error),
        choices=choices if len(choices) > 1 else [],
    )


def _ending(exchange: Exchange, answer: Answer) -> tuple[Status, str | None]:
    """How the call ended and what went wrong.

    An answer that carries its end mark is whole, however the connection was closed afterwards:
    clients commonly hang up as soon as they have read that mark.
    """
    http = exchange.http_status
    if http is not None and http >= 400:
        words = answer.error or exchange.error
        return "upstream_error", f"HTTP {http}: {words}" if words else f"HTTP {http}"
    if answer.error:
        return "upstream_error", answer.error
    if answer.finished and not answer.unreadable:
        return ("truncated", answer.cut) if answer.cut else ("complete", None)
    if exchange.ended == "client_closed":
        return "client_closed", exchange.error or "the caller hung up before the answer had ended"
    if exchange.ended == "upstream_error":
        return "upstream_error", exchange.error or "the server broke off before the answer's end"
    if answer.unreadable:
        return "upstream_error", answer.unreadable
    return "truncated", exchange.error or "the answer ended without its end mark"
