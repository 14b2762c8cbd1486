"""The chat API of Ollama: one JSON object, or JSON lines whose last one says ``"done": true``."""

from __future__ import annotations

import json
from typing import Any

from understudy.chat.exchange import Exchange
from understudy.chat.record import CallRecord, CallRequest, Message, Status, ToolCall
from understudy.errors import FormatError

_OTHER_FIELDS = ("model", "messages", "tools", "stream")


class OllamaChat:
    """Reads ``POST …/api/chat``."""

    name = "ollama-chat"

    def matches(self, method: str, path: str) -> bool:
        return method == "POST" and path.rstrip("/").endswith("/api/chat")

    def read_request(self, body: bytes) -> CallRequest:
        try:
            fields = json.loads(body)
        except ValueError as error:
            raise FormatError(f"the request is not JSON ({error})") from None
        if not isinstance(fields, dict) or not isinstance(fields.get("messages"), list):
            raise FormatError("the request is no object with a list of messages")
        return self._request(fields)

    def first_content(self, chunk: bytes) -> bool:
        return b'"content":"' in chunk and b'"content":""' not in chunk

    def assemble(self, request: CallRequest, exchange: Exchange) -> CallRecord:
        lines = []
        for line in exchange.body.splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
        return self._record(request, lines, exchange)

    def record_from_response(
        self, request: dict[str, Any], response: Any, *, exchange: Exchange | None = None
    ) -> CallRecord:
        lines = response if isinstance(response, list) else [response]
        return self._record(self._request(request), lines, exchange or Exchange())

    def _request(self, fields: dict[str, Any]) -> CallRequest:
        return CallRequest(
            dialect=self.name,
            model=str(fields.get("model", "")),
            messages=fields.get("messages", []),
            tools=fields.get("tools") or [],
            params={key: value for key, value in fields.items() if key not in _OTHER_FIELDS},
            stream=fields.get("stream", True) is not False,
        )

    def _record(self, request: CallRequest, lines: list[Any], exchange: Exchange) -> CallRecord:
        lines = [line for line in lines if isinstance(line, dict)]
        parts = [line["message"] for line in lines if isinstance(line.get("message"), dict)]
        last = next((line for line in lines if line.get("done")), {})
        calls = _tool_calls(parts)
        error = next((str(line["error"]) for line in lines if "error" in line), exchange.error)
        return CallRecord(
            dialect=self.name,
            model=request.model,
            messages=request.messages,
            response=_answer(parts, calls) if parts else None,
            status=_status(exchange, last, error),
            tools=request.tools,
            params=request.params,
            tool_calls=calls,
            finish_reason=last.get("done_reason"),
            usage={
                name: last[key]
                for name, key in (
                    ("input_tokens", "prompt_eval_count"),
                    ("output_tokens", "eval_count"),
                )
                if isinstance(last.get(key), int)
            },
            stream=request.stream,
            first_token_s=exchange.first_token_s,
            total_s=exchange.total_s,
            http_status=exchange.http_status,
            error=error,
        )


def _tool_calls(parts: list[dict[str, Any]]) -> list[ToolCall]:
    calls = []
    for part in parts:
        for call in part.get("tool_calls") or ():
            function = call.get("function") or {}
            arguments = function.get("arguments") or {}
            calls.append(
                ToolCall(
                    id=f"call_{len(calls)}",
                    name=str(function.get("name", "")),
                    arguments=json.dumps(arguments, ensure_ascii=False),
                    parsed=arguments,
                )
            )
    return calls


def _answer(parts: list[dict[str, Any]], calls: list[ToolCall]) -> Message:
    answer: Message = {
        "role": "assistant",
        "content": "".join(str(part.get("content") or "") for part in parts),
    }
    if calls:
        answer["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in calls
        ]
    return answer


def _status(exchange: Exchange, last: dict[str, Any], error: str | None) -> Status:
    if (exchange.http_status or 200) >= 400 or (error and not last):
        return "upstream_error"
    if last:
        return "truncated" if last.get("done_reason") == "length" else "complete"
    return "truncated" if exchange.ended == "complete" else exchange.ended
