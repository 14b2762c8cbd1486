"""The wire formats of the scripted model server: reading requests, writing bodies and streams.

Kept apart from ``understudy.chat.dialects`` on purpose: those read what servers send, and a server
that shared their code could not show that they read it rightly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from understudy.players.backends.scripted_answer import Choice

CREATED = 1_700_000_000
"""Every answer carries this time, so that equal scripts give equal bytes."""

_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


@dataclass(frozen=True)
class Call:
    """What the server needs to know of a request."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool
    n: int = 1
    with_usage: bool = True


class Wire(Protocol):
    """One API: how to read its requests, and how to write an answer whole or as a stream."""

    name: str

    def read(self, body: dict[str, Any], model: str) -> Call: ...

    def body(self, call: Call, number: int, choices: Sequence[Choice]) -> dict[str, Any]: ...

    def events(self, call: Call, number: int, choices: Sequence[Choice]) -> Iterator[bytes]: ...


def error_body(wire: str, status: int, message: str) -> dict[str, Any]:
    """An error in the shape of the API."""
    if wire == "anthropic":
        kind = {429: "rate_limit_error", 404: "not_found_error", 400: "invalid_request_error"}
        error = {"type": kind.get(status, "api_error"), "message": message}
        return {"type": "error", "error": error}
    return {"error": {"message": message, "type": "server_error", "param": None, "code": status}}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(_text(part.get("text", part.get("content", ""))) for part in content)
    return content if isinstance(content, str) else ""


def _messages(body: list[Any]) -> list[dict[str, Any]]:
    return [
        {"role": m.get("role", "tool"), "content": _text(m.get("content", m.get("output")))}
        for m in body
    ]


def _event(data: dict[str, Any], name: str | None = None) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class OpenAIChat:
    """Chat Completions."""

    name = "openai"

    def read(self, body: dict[str, Any], model: str) -> Call:
        options = body.get("stream_options") or {}
        return Call(
            model=body.get("model", model),
            messages=_messages(body["messages"]),
            stream=bool(body.get("stream")),
            n=int(body.get("n") or 1),
            with_usage=bool(options.get("include_usage")),
        )

    def body(self, call: Call, number: int, choices: Sequence[Choice]) -> dict[str, Any]:
        listed = []
        for choice in choices:
            message: dict[str, Any] = {"role": "assistant", "content": choice.answer.text or None}
            if choice.calls:
                message["tool_calls"] = [
                    {"id": i, "type": "function", "function": {"name": n, "arguments": a}}
                    for i, n, a in choice.calls
                ]
            listed.append(
                {"index": choice.index, "message": message, "finish_reason": choice.finish_reason}
            )
        usage = _chat_usage(call, choices)
        return self._head(call, number, "chat.completion") | {"choices": listed, "usage": usage}

    def events(self, call: Call, number: int, choices: Sequence[Choice]) -> Iterator[bytes]:
        head = self._head(call, number, "chat.completion.chunk")

        def chunk(index: int, delta: dict[str, Any], finish: str | None = None) -> bytes:
            choice = {"index": index, "delta": delta, "finish_reason": finish}
            return _event(head | {"choices": [choice]})

        for choice in choices:
            yield chunk(choice.index, {"role": "assistant", "content": ""})
            for piece in choice.answer.pieces(choice.answer.text):
                yield chunk(choice.index, {"content": piece})
            for place, (call_id, name, arguments) in enumerate(choice.calls):
                first = {"index": place, "id": call_id, "type": "function"}
                first["function"] = {"name": name, "arguments": ""}
                yield chunk(choice.index, {"tool_calls": [first]})
                for piece in choice.answer.pieces(arguments):
                    more = {"index": place, "function": {"arguments": piece}}
                    yield chunk(choice.index, {"tool_calls": [more]})
            yield chunk(choice.index, {}, choice.finish_reason)
        if call.with_usage:
            yield _event(head | {"choices": [], "usage": _chat_usage(call, choices)})
        yield b"data: [DONE]\n\n"

    def _head(self, call: Call, number: int, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{number:06d}",
            "object": kind,
            "created": CREATED,
            "model": call.model,
        }


def _chat_usage(call: Call, choices: Sequence[Choice]) -> dict[str, int]:
    asked = choices[0].usage(call.messages)[0]
    said = sum(choice.usage(call.messages)[1] for choice in choices)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


class OpenAIResponses:
    """The Responses API; one choice a call."""

    name = "openai"

    def read(self, body: dict[str, Any], model: str) -> Call:
        asked = body["input"]
        given = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        if body.get("instructions"):
            given = [{"role": "system", "content": body["instructions"]}, *given]
        return Call(
            model=body.get("model", model),
            messages=_messages(given),
            stream=bool(body.get("stream")),
        )

    def body(self, call: Call, number: int, choices: Sequence[Choice]) -> dict[str, Any]:
        output = self._output(number, choices[0])
        return self._response(call, number, choices[0], output, whole=True)

    def events(self, call: Call, number: int, choices: Sequence[Choice]) -> Iterator[bytes]:
        choice = choices[0]
        count = 0

        def event(kind: str, **data: Any) -> bytes:
            nonlocal count
            count += 1
            return _event({"type": kind, "sequence_number": count - 1, **data}, kind)

        started = self._response(call, number, choice, [], whole=False)
        yield event("response.created", response=started)
        yield event("response.in_progress", response=started)
        output = self._output(number, choice)
        for place, item in enumerate(output):
            where = {"item_id": item["id"], "output_index": place}
            if item["type"] == "message":
                begun = item | {"status": "in_progress", "content": []}
                yield event("response.output_item.added", output_index=place, item=begun)
                where["content_index"] = 0
                part = {"type": "output_text", "text": "", "annotations": []}
                yield event("response.content_part.added", **where, part=part)
                for piece in choice.answer.pieces(choice.answer.text):
                    yield event("response.output_text.delta", **where, delta=piece, logprobs=[])
                text = choice.answer.text
                yield event("response.output_text.done", **where, text=text, logprobs=[])
                yield event("response.content_part.done", **where, part=part | {"text": text})
            else:
                begun = item | {"status": "in_progress", "arguments": ""}
                yield event("response.output_item.added", output_index=place, item=begun)
                kind = "response.function_call_arguments"
                for piece in choice.answer.pieces(item["arguments"]):
                    yield event(f"{kind}.delta", **where, delta=piece)
                done = {"arguments": item["arguments"], "name": item["name"]}
                yield event(f"{kind}.done", **where, **done)
            yield event("response.output_item.done", output_index=place, item=item)
        ended = self._response(call, number, choice, output, whole=True)
        yield event(f"response.{ended['status']}", response=ended)

    def _output(self, number: int, choice: Choice) -> list[dict[str, Any]]:
        output: list[dict[str, Any]] = []
        if choice.answer.text or not choice.calls:
            part = {"type": "output_text", "text": choice.answer.text, "annotations": []}
            output.append(
                {
                    "id": f"msg_{number:06d}",
                    "type": "message",
                    "role": "assistant",
                    "status": "completed",
                    "content": [part],
                }
            )
        for call_id, name, arguments in choice.calls:
            item = {"id": f"fc_{call_id}", "type": "function_call", "status": "completed"}
            output.append(item | {"call_id": call_id, "name": name, "arguments": arguments})
        return output

    def _response(
        self,
        call: Call,
        number: int,
        choice: Choice,
        output: list[dict[str, Any]],
        *,
        whole: bool,
    ) -> dict[str, Any]:
        cut = whole and choice.finish_reason == "length"
        status = ("incomplete" if cut else "completed") if whole else "in_progress"
        asked, said = choice.usage(call.messages)
        usage = {
            "input_tokens": asked,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": asked + said,
        }
        return {
            "id": f"resp_{number:06d}",
            "object": "response",
            "created_at": CREATED,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": None,
            "metadata": {},
            "model": call.model,
            "output": output,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": usage if whole else None,
        }


class AnthropicMessages:
    """Anthropic's Messages; one choice a call."""

    name = "anthropic"

    def read(self, body: dict[str, Any], model: str) -> Call:
        given = list(body["messages"])
        if body.get("system"):
            given.insert(0, {"role": "system", "content": body["system"]})
        return Call(
            model=body.get("model", model),
            messages=_messages(given),
            stream=bool(body.get("stream")),
        )

    def body(self, call: Call, number: int, choices: Sequence[Choice]) -> dict[str, Any]:
        choice = choices[0]
        content: list[dict[str, Any]] = []
        if choice.answer.text:
            content.append({"type": "text", "text": choice.answer.text})
        for call_id, name, arguments in choice.calls:
            given = json.loads(arguments)
            content.append({"type": "tool_use", "id": call_id, "name": name, "input": given})
        return self._message(call, number, choice) | {
            "content": content,
            "stop_reason": _FINISH[choice.finish_reason],
        }

    def events(self, call: Call, number: int, choices: Sequence[Choice]) -> Iterator[bytes]:
        choice = choices[0]

        def event(kind: str, **data: Any) -> bytes:
            return _event({"type": kind, **data}, kind)

        message = self._message(call, number, choice)
        message["usage"] = message["usage"] | {"output_tokens": 1}
        yield event("message_start", message=message)
        blocks: list[tuple[dict[str, Any], str, str, str]] = []
        empty: dict[str, Any]
        if choice.answer.text:
            empty = {"type": "text", "text": ""}
            blocks.append((empty, "text_delta", "text", choice.answer.text))
        for call_id, name, arguments in choice.calls:
            empty = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
            blocks.append((empty, "input_json_delta", "partial_json", arguments))
        for index, (empty, kind, key, whole) in enumerate(blocks):
            yield event("content_block_start", index=index, content_block=empty)
            if index == 0:
                yield event("ping")
            for piece in choice.answer.pieces(whole):
                yield event("content_block_delta", index=index, delta={"type": kind, key: piece})
            yield event("content_block_stop", index=index)
        said = choice.usage(call.messages)[1]
        delta = {"stop_reason": _FINISH[choice.finish_reason], "stop_sequence": None}
        yield event("message_delta", delta=delta, usage={"output_tokens": said})
        yield event("message_stop")

    def _message(self, call: Call, number: int, choice: Choice) -> dict[str, Any]:
        asked, said = choice.usage(call.messages)
        return {
            "id": f"msg_{number:06d}",
            "type": "message",
            "role": "assistant",
            "model": call.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": asked, "output_tokens": said},
        }


WIRES: dict[str, Wire] = {
    "/chat/completions": OpenAIChat(),
    "/responses": OpenAIResponses(),
    "/messages": AnthropicMessages(),
}
"""End of the path -> the API served there."""
