"""Messages in the shape of OpenAI's chat format, cleaned of what training files may not hold.

Everything that leaves as a training example passes here: what the collector is handed, and what
an export reads from the sessions.
"""

from __future__ import annotations

import json
from typing import Any

_KEPT = ("name", "tool_call_id", "weight", "refusal")


def training_message(message: dict[str, Any]) -> dict[str, Any]:
    """``message`` with only the keys that a training example may carry, in the usual order.

    Keys whose value is None are dropped, but for the ``content`` of an assistant message that
    calls a tool. Nothing is judged here: `openai_jsonl.validate_example` does that.
    """
    cleaned: dict[str, Any] = {"role": message.get("role")}
    calls = message.get("tool_calls")
    function_call = message.get("function_call")
    content = message.get("content")
    # The key may be missing only where a refusal stands in its place.
    if content is not None or calls or not message.get("refusal"):
        cleaned["content"] = content
    for key in _KEPT:
        if message.get(key) is not None:
            cleaned[key] = message[key]
    if isinstance(calls, list) and calls:
        cleaned["tool_calls"] = [_tool_call(call) for call in calls]
    if function_call:
        cleaned["function_call"] = function_call
    return cleaned


def training_example(
    messages: list[dict[str, Any]],
    answer: dict[str, Any],
    *,
    tools: list[dict[str, Any]] | None = None,
    parallel_tool_calls: bool | None = None,
) -> dict[str, Any]:
    """One example: the whole history, then the answer as the last assistant message."""
    example: dict[str, Any] = {
        "messages": [training_message(m) for m in (*messages, {**answer, "role": "assistant"})]
    }
    if tools:
        example["tools"] = tools
        if parallel_tool_calls is not None:
            example["parallel_tool_calls"] = parallel_tool_calls
    return example


def _tool_call(call: Any) -> Any:
    if not isinstance(call, dict) or not isinstance(call.get("function"), dict):
        return call
    function = call["function"]
    arguments = function.get("arguments")
    if isinstance(arguments, dict):
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {
        "id": call.get("id"),
        "type": call.get("type") or "function",
        "function": {"name": function.get("name"), "arguments": arguments},
    }
