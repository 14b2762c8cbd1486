"""The canonical record of one call to a language model, whatever API it was made through.

Messages and tools have the shape of OpenAI's Chat Completions (the shape of every training
format downstream); the dialects convert into it. A record is immutable and is made from the raw
bytes of a call by a pure function once the call has ended or broken.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Status = Literal["complete", "truncated", "client_closed", "upstream_error"]
"""``complete``: the model said that it had finished. ``truncated``: the token limit or a filter cut
the answer, or the stream ended without its end mark. ``client_closed``: the caller hung up.
``upstream_error``: the server answered with an error or could not be reached."""

Message = dict[str, Any]
"""``{"role", "content", "tool_calls"?, "tool_call_id"?, "name"?}`` as in Chat Completions."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool in an answer, with its arguments exactly as sent and parsed."""

    id: str
    name: str
    arguments: str
    parsed: Any = None
    """The arguments as JSON values; None when ``arguments`` is not valid JSON."""


class CallRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, read from a request body."""

    dialect: str
    model: str
    messages: list[Message]
    tools: list[dict[str, Any]] = []
    """``{"type": "function", "function": {"name", "description"?, "parameters"?}}``."""
    params: dict[str, Any] = {}
    """Everything else of the request: temperature, max_tokens, seed, tool_choice…"""
    stream: bool = False


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what was asked, what came back, how long it took and how it ended."""

    dialect: str
    model: str
    """As the answer names it, else as asked for."""
    messages: list[Message]
    response: Message | None
    """The answer as an assistant message; None when nothing of it arrived."""
    status: Status
    tools: list[dict[str, Any]] = []
    params: dict[str, Any] = {}
    tool_calls: list[ToolCall] = []
    finish_reason: str | None = None
    """In the words of Chat Completions ("stop", "length", "tool_calls"…) where it has one for what
    the server said, else in the server's."""
    usage: dict[str, int] = {}
    """``input_tokens``, ``output_tokens`` and what else the server counted, by its names."""
    stream: bool = False
    response_id: str | None = None
    system_hash: str | None = None
    """First 16 hex digits of the SHA-256 of the system prompt; None without one."""
    first_token_s: float | None = None
    """Seconds from the request to the first byte of content; None where that is not known."""
    total_s: float | None = None
    http_status: int | None = None
    error: str | None = None
    """What went wrong, in words; None for a complete call."""
    choices: list[Message] = []
    """All answers where more than one was asked for (``n`` > 1); ``response`` is the first."""
