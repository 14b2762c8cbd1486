"""Anthropic's Messages API.

Thinking becomes ``reasoning_content``; its signatures and redacted thinking are not kept, nor are
blocks of tools that the server runs itself (searches, code), which Chat Completions cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from understudy.chat.dialects.wire import Answer, WireDialect, error_text
from understudy.chat.messages import (
    assistant_message,
    function_call,
    function_tool,
    simplest_content,
    text_of,
    usage_counts,
    without_credentials,
)
from understudy.chat.record import CallRequest, Message
from understudy.errors import FormatError

_CONTENT = re.compile(rb'"(?:text|thinking|partial_json)"\s*:\s*"[^"]|"type"\s*:\s*"tool_use"')
_REQUEST_FIELDS = frozenset({"model", "messages", "system", "tools", "stream"})
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
_CUTS = {
    "max_tokens": "the token limit cut the answer",
    "model_context_window_exceeded": "the model's context limit cut the answer",
    "pause_turn": "the server paused the turn before it was done",
}


class AnthropicMessages(WireDialect):
    """``POST …/v1/messages``."""

    name: ClassVar[str] = "anthropic-messages"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.rstrip("/").endswith("/v1/messages")

    def first_content(self, chunk: bytes) -> bool:
        return _CONTENT.search(chunk) is not None

    def read_request_fields(self, fields: dict[str, Any]) -> CallRequest:
        asked = fields.get("messages")
        if not isinstance(asked, list) or not all(isinstance(m, dict) for m in asked):
            raise FormatError("a Messages request needs a list of objects in 'messages'")
        messages: list[Message] = []
        if fields.get("system"):
            messages.append({"role": "system", "content": _content(fields["system"])})
        for message in asked:
            messages.extend(_messages_of(message))
        tools = fields.get("tools")
        params = {k: v for k, v in fields.items() if k not in _REQUEST_FIELDS}
        if "mcp_servers" in params:
            params["mcp_servers"] = without_credentials(params["mcp_servers"])
        model = fields.get("model")
        return CallRequest(
            dialect=self.name,
            model=model if isinstance(model, str) else "",
            messages=messages,
            tools=[_tool(t) for t in tools if isinstance(t, dict)]
            if isinstance(tools, list)
            else [],
            params=params,
            stream=fields.get("stream") is True,
        )

    def read_whole(self, request: CallRequest, body: dict[str, Any]) -> Answer:
        answer = Answer(finished=True)
        blocks = body.get("content")
        if isinstance(blocks, list):
            answer.choices = [_assistant_message(blocks)]
        else:
            answer.unreadable = "the answer holds no content"
        _read_head(answer, body)
        _stop(answer, body)
        return answer

    def read_stream(self, request: CallRequest, events: Iterable[Any], over: bool) -> Answer:
        answer = Answer()
        blocks: dict[Any, _Block] = {}
        for event in events:
            if type(event) is not dict:
                answer.unreadable = "an event of the stream is not an object"
                continue
            kind = event.get("type")
            if kind == "content_block_delta":
                delta = event.get("delta")
                index = event.get("index")
                if type(delta) is dict and type(index) is int:
                    block = blocks.get(index)
                    if block is None:
                        block = blocks[index] = _Block({})
                    block.add(delta)
            elif kind == "content_block_start":
                start, index = event.get("content_block"), event.get("index")
                if type(start) is dict and type(index) is int:
                    blocks[index] = _Block(start)
            elif kind == "message_start":
                message = event.get("message")
                if isinstance(message, dict):
                    _read_head(answer, message)
            elif kind == "message_delta":
                answer.usage.update(usage_counts(event.get("usage")))
                if isinstance(event.get("delta"), dict):
                    _stop(answer, event["delta"])
            elif kind == "message_stop":
                answer.finished = True
            elif kind == "error" or event.get("error"):
                answer.error = error_text(event)
        if blocks or answer.finished:
            whole = [blocks[index].whole() for index in sorted(blocks)]
            answer.choices = [_assistant_message(whole)]
        return answer


class _Block:
    """One content block while its pieces come in."""

    __slots__ = ("arguments", "start", "text")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.text: list[str] = []
        self.arguments: list[str] = []

    def add(self, delta: dict[str, Any]) -> None:
        kind = delta.get("type")
        piece = delta.get(
            "text" if kind == "text_delta" else "thinking" if kind == "thinking_delta" else
            "partial_json"
        )  # fmt: skip
        if type(piece) is str:
            (self.arguments if kind == "input_json_delta" else self.text).append(piece)
            if not self.start:
                kinds = {"text_delta": "text", "thinking_delta": "thinking"}
                self.start = {"type": kinds.get(str(kind), "")}

    def whole(self) -> dict[str, Any]:
        """The block as an answer that was not streamed has it, but with the arguments as sent."""
        block = dict(self.start)
        field = "thinking" if block.get("type") == "thinking" else "text"
        if self.text:
            begun = block.get(field)
            block[field] = (begun if isinstance(begun, str) else "") + "".join(self.text)
        if self.arguments and (arguments := "".join(self.arguments)):
            block["input"] = arguments
        return block


def _read_head(answer: Answer, message: dict[str, Any]) -> None:
    if isinstance(message.get("id"), str):
        answer.response_id = message["id"]
    if isinstance(message.get("model"), str):
        answer.model = message["model"]
    answer.usage.update(usage_counts(message.get("usage")))


def _stop(answer: Answer, fields: dict[str, Any]) -> None:
    reason = fields.get("stop_reason")
    if isinstance(reason, str):
        answer.finished = True
        answer.finish_reason = _REASONS.get(reason, reason)
        answer.cut = _CUTS.get(reason)


def _assistant_message(blocks: list[Any]) -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind == "text":
            texts.append(text_of(block.get("text")))
        elif kind == "thinking":
            thoughts.append(text_of(block.get("thinking")))
        elif kind == "tool_use":
            calls.append(function_call(block.get("id"), block.get("name"), block.get("input")))
    return assistant_message("".join(texts), reasoning="".join(thoughts), tool_calls=calls)


def _messages_of(message: dict[str, Any]) -> list[Message]:
    """One message of the request as canonical ones: results of tools stand by themselves."""
    role, content = message.get("role"), message.get("content")
    if not isinstance(content, list):
        return [{"role": role, "content": content}]
    if role == "assistant":
        return [_assistant_message(content)]
    results: list[Message] = []
    rest: list[Any] = []
    for block in content:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            results.append(
                {
                    "role": "tool",
                    "tool_call_id": block.get("tool_use_id"),
                    "content": _content(block.get("content") or ""),
                }
            )
        else:
            rest.append(block)
    if rest or not results:
        results.append({"role": role, "content": _content(rest)})
    return results


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return simplest_content([_part(block) for block in content if isinstance(block, dict)])


def _part(block: dict[str, Any]) -> dict[str, Any]:
    """A content block as a part of a Chat Completions message; unknown ones as they came."""
    kind, source = block.get("type"), block.get("source")
    if kind == "text":
        return {"type": "text", "text": text_of(block.get("text"))}
    if kind == "image" and isinstance(source, dict) and (url := _url(source)):
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "document" and isinstance(source, dict):
        if source.get("type") == "text":
            return {"type": "text", "text": text_of(source.get("data"))}
        if url := _url(source):
            file = {"file_data": url}
            if isinstance(block.get("title"), str):
                file["filename"] = block["title"]
            return {"type": "file", "file": file}
    if kind in ("image", "document") and isinstance(source, dict) and source.get("file_id"):
        return {"type": "file", "file": {"file_id": source["file_id"]}}
    return block


def _url(source: dict[str, Any]) -> str | None:
    if source.get("type") == "base64":
        return f"data:{source.get('media_type')};base64,{source.get('data')}"
    url = source.get("url")
    return url if isinstance(url, str) else None


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool with a schema as a function; the server's own tools as they came."""
    if "input_schema" not in tool:
        return tool
    return function_tool(tool, schema_key="input_schema")
