"""OpenAI's Responses API.

Items become messages: reasoning, text and tool calls that follow one another are one assistant
message. The history behind ``previous_response_id`` or an ``item_reference`` is not in the request
and so not in the record; items of tools that the server runs itself are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from understudy.chat.dialects.wire import Answer, WireDialect, error_text
from understudy.chat.messages import (
    assistant_message,
    custom_call,
    function_call,
    function_tool,
    simplest_content,
    text_of,
    usage_counts,
    without_credentials,
)
from understudy.chat.record import CallRequest, Message
from understudy.errors import FormatError

_CONTENT = re.compile(
    rb'"delta"\s*:\s*"[^"]|"type"\s*:\s*"(?:output_text|function_call|custom_tool_call)"'
)
_REQUEST_FIELDS = frozenset({"model", "input", "instructions", "tools", "stream"})
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed",
                   "response.cancelled"})  # fmt: skip
_ASSISTANT_ITEMS = ("reasoning", "function_call", "custom_tool_call")
_OUTPUT_ITEMS = ("function_call_output", "custom_tool_call_output")
_CUTS = {
    "max_output_tokens": "the token limit cut the answer",
    "content_filter": "a content filter cut the answer",
}


class OpenAIResponses(WireDialect):
    """``POST …/responses``."""

    name: ClassVar[str] = "openai-responses"
    end_of_stream: ClassVar[bytes] = b"[DONE]"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.rstrip("/").endswith("/responses")

    def first_content(self, chunk: bytes) -> bool:
        return _CONTENT.search(chunk) is not None

    def read_request_fields(self, fields: dict[str, Any]) -> CallRequest:
        asked = fields.get("input")
        messages: list[Message] = []
        instructions = fields.get("instructions")
        if isinstance(instructions, str) and instructions:
            messages.append({"role": "system", "content": instructions})
        if isinstance(asked, str):
            messages.append({"role": "user", "content": asked})
        elif isinstance(asked, list) and all(isinstance(item, dict) for item in asked):
            messages.extend(_messages_of(asked))
        elif asked is not None or not (fields.get("prompt") or fields.get("previous_response_id")):
            raise FormatError("a Responses request needs a text or a list of items in 'input'")
        tools = fields.get("tools")
        model = fields.get("model")
        return CallRequest(
            dialect=self.name,
            model=model if isinstance(model, str) else "",
            messages=messages,
            tools=[_tool(t) for t in without_credentials(tools) if isinstance(t, dict)]
            if isinstance(tools, list)
            else [],
            params={k: v for k, v in fields.items() if k not in _REQUEST_FIELDS},
            stream=fields.get("stream") is True,
        )

    def read_whole(self, request: CallRequest, body: dict[str, Any]) -> Answer:
        answer = Answer()
        _read_response(answer, body)
        output = body.get("output")
        if not isinstance(output, list):
            answer.unreadable = "the answer holds no output"
        elif output or answer.finished:
            _take_items(answer, output)
        return answer

    def read_stream(self, request: CallRequest, events: Iterable[Any], over: bool) -> Answer:
        answer = Answer()
        items: dict[int, _Item] = {}
        final: Any = None
        for event in events:
            if type(event) is not dict:
                answer.unreadable = "an event of the stream is not an object"
                continue
            kind = event.get("type")
            if type(kind) is not str:
                answer.error = answer.error or error_text(event)
            elif kind.endswith(".delta"):
                index = event.get("output_index")
                if type(index) is int:
                    item = items.get(index)
                    if item is None:
                        item = items[index] = _Item({})
                    item.add(kind, event)
            elif kind in ("response.output_item.added", "response.output_item.done"):
                index, start = event.get("output_index"), event.get("item")
                if type(index) is int and type(start) is dict:
                    items[index] = _Item(start)
            elif kind in _ENDS or kind in ("response.created", "response.in_progress"):
                response = event.get("response")
                if isinstance(response, dict):
                    _read_response(answer, response)
                    final = response.get("output") if kind in _ENDS else None
            elif kind == "error":
                answer.error = error_text(event)
        if isinstance(final, list) and final:
            _take_items(answer, final)
        elif items or answer.finished:
            _take_items(answer, [items[index].whole() for index in sorted(items)])
        return answer


class _Item:
    """One item of the output while its pieces come in."""

    __slots__ = ("pieces", "start")

    def __init__(self, start: dict[str, Any]) -> None:
        self.start = start
        self.pieces: dict[tuple[str, int], list[str]] = {}

    def add(self, kind: str, event: dict[str, Any]) -> None:
        piece = event.get("delta")
        if type(piece) is not str:
            return
        part = event.get("content_index")
        if part is None:
            part = event.get("summary_index")
        key = (kind, part if type(part) is int else 0)
        pieces = self.pieces.get(key)
        if pieces is None:
            pieces = self.pieces[key] = []
        pieces.append(piece)

    def whole(self) -> dict[str, Any]:
        """The item as the finished answer has it, as far as it came."""
        item = dict(self.start)
        for (kind, _), pieces in sorted(self.pieces.items(), key=lambda pair: pair[0][1]):
            text = "".join(pieces)
            if kind == "response.output_text.delta":
                _add_part(item, "message", "content", {"type": "output_text", "text": text})
            elif kind == "response.refusal.delta":
                _add_part(item, "message", "content", {"type": "refusal", "refusal": text})
            elif kind == "response.reasoning_text.delta":
                _add_part(item, "reasoning", "content", {"type": "reasoning_text", "text": text})
            elif kind == "response.reasoning_summary_text.delta":
                _add_part(item, "reasoning", "summary", {"type": "summary_text", "text": text})
            elif kind == "response.function_call_arguments.delta":
                item = {"type": "function_call", **item, "arguments": text}
            elif kind == "response.custom_tool_call_input.delta":
                item = {"type": "custom_tool_call", **item, "input": text}
        return item


def _add_part(item: dict[str, Any], kind: str, field: str, part: dict[str, Any]) -> None:
    item.setdefault("type", kind)
    before = item.get(field)
    item[field] = [*(before if isinstance(before, list) else ()), part]


def _read_response(answer: Answer, response: dict[str, Any]) -> None:
    """What a response object says about itself, its output left aside."""
    if isinstance(response.get("id"), str):
        answer.response_id = response["id"]
    if isinstance(response.get("model"), str):
        answer.model = response["model"]
    if response.get("usage"):
        answer.usage = usage_counts(response["usage"])
    status = response.get("status")
    if status == "completed" or (status is None and response.get("object") == "response"):
        answer.finished = True
    elif status == "incomplete":
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        reason = reason if isinstance(reason, str) else "incomplete"
        answer.finished = True
        answer.finish_reason = "length" if reason == "max_output_tokens" else reason
        answer.cut = _CUTS.get(reason, f"the answer is incomplete: {reason}")
    elif status == "failed":
        answer.error = error_text(response) or "the server says that the answer failed"
    elif status == "cancelled":
        answer.finished = True
        answer.cut = "the answer was cancelled"


def _take_items(answer: Answer, items: list[Any]) -> None:
    message = _assistant_message(items)
    answer.choices = [message]
    if answer.finished and answer.finish_reason is None and not answer.cut:
        answer.finish_reason = "tool_calls" if message.get("tool_calls") else "stop"


def _assistant_message(items: list[Any]) -> Message:
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for item in items:
        if not isinstance(item, dict):
            continue
        kind = item.get("type")
        if kind in (None, "message"):
            content = item.get("content")
            texts.append(text_of(content))
            parts = content if isinstance(content, list) else ()
            refusals.extend(_refusal(part) for part in parts)
        elif kind == "reasoning":
            # The summary stands in for thoughts that the server does not show.
            shown = text_of(item.get("content")) or text_of(item.get("summary"))
            thoughts.append(shown)
        elif kind == "function_call":
            calls.append(
                function_call(item.get("call_id"), item.get("name"), item.get("arguments"))
            )
        elif kind == "custom_tool_call":
            calls.append(custom_call(item.get("call_id"), item.get("name"), item.get("input")))
    return assistant_message(
        "".join(texts),
        refusal="".join(refusals),
        reasoning="".join(thoughts),
        tool_calls=calls,
    )


def _refusal(part: Any) -> str:
    words = part.get("refusal") if isinstance(part, dict) else None
    return words if isinstance(words, str) else ""


def _messages_of(items: list[dict[str, Any]]) -> list[Message]:
    """The items of a request as messages; what the assistant did in one go is one message."""
    messages: list[Message] = []
    turn: list[dict[str, Any]] = []
    for item in items:
        kind, role = item.get("type"), item.get("role")
        if kind in _ASSISTANT_ITEMS or role == "assistant":
            turn.append(item)
            continue
        if kind in _OUTPUT_ITEMS:
            message = {
                "role": "tool",
                "tool_call_id": item.get("call_id"),
                "content": _content(item.get("output")),
            }
        elif isinstance(role, str):
            message = {"role": role, "content": _content(item.get("content"))}
        else:
            continue
        if turn:
            messages.append(_assistant_message(turn))
            turn = []
        messages.append(message)
    if turn:
        messages.append(_assistant_message(turn))
    return messages


def _content(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return simplest_content([_part(part) for part in content if isinstance(part, dict)])


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """A part of an item as a part of a Chat Completions message; unknown ones as they came."""
    kind = part.get("type")
    if kind in ("input_text", "output_text", "text"):
        return {"type": "text", "text": text_of(part.get("text"))}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        image = {"url": part["image_url"]}
        if isinstance(part.get("detail"), str):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind in ("input_file", "input_image"):
        names = ("file_id", "file_data", "filename", "file_url")
        return {"type": "file", "file": {n: part[n] for n in names if part.get(n) is not None}}
    return part


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    """Functions and free-text tools as in Chat Completions; the server's own as they came."""
    if tool.get("type") == "function" and "function" not in tool:
        return function_tool(tool)
    if tool.get("type") == "custom" and "custom" not in tool:
        custom = {k: tool[k] for k in ("name", "description", "format") if k in tool}
        return {"type": "custom", "custom": custom}
    return tool
