"""Helpers for canonical messages: building them, reading their text, hashing the system prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from understudy.chat import json_values
from understudy.chat.record import Message, ToolCall

SYSTEM_ROLES = ("system", "developer")

_TOKEN_NAMES = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
_CREDENTIAL_KEYS = frozenset({"authorization", "authorization_token", "headers"})
_LARGEST_COUNT = 2**53


def text_of(content: Any) -> str:
    """The text of a message's content, whether a string or parts; other parts add nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict))
    return "".join(text for text in texts if isinstance(text, str))


def simplest_content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A single text part as a string, anything else as the parts."""
    if len(parts) == 1 and parts[0].get("type") == "text" and len(parts[0]) == 2:
        text = parts[0].get("text")
        if isinstance(text, str):
            return text
    return parts


def system_hash(messages: Sequence[Message]) -> str | None:
    """First 16 hex digits of the SHA-256 of the leading system messages; None without one."""
    texts = []
    for message in messages:
        if message.get("role") not in SYSTEM_ROLES:
            break
        texts.append(text_of(message.get("content")))
    if not texts:
        return None
    prompt = "\n".join(texts).encode("utf-8", "replace")
    return hashlib.sha256(prompt).hexdigest()[:16]


def function_tool(definition: Mapping[str, Any], schema_key: str = "parameters") -> dict[str, Any]:
    """A function's definition as a Chat Completions tool."""
    function = {
        key: definition[key]
        for key in ("name", "description", "strict")
        if definition.get(key) is not None
    }
    if definition.get(schema_key) is not None:
        function["parameters"] = definition[schema_key]
    return {"type": "function", "function": function}


def function_call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """A tool call as it stands in an assistant message.

    ``arguments`` that are no string are written as JSON; nothing at all counts as ``{}``.
    """
    return {
        "id": call_id if isinstance(call_id, str) else "",
        "type": "function",
        "function": {
            "name": name if isinstance(name, str) else "",
            "arguments": arguments_text(arguments),
        },
    }


def custom_call(call_id: Any, name: Any, text: Any) -> dict[str, Any]:
    """A call of a tool that takes free text, as it stands in an assistant message."""
    return {
        "id": call_id if isinstance(call_id, str) else "",
        "type": "custom",
        "custom": {
            "name": name if isinstance(name, str) else "",
            "input": text if isinstance(text, str) else "",
        },
    }


def arguments_text(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return "{}" if arguments is None else json_values.encode_text(arguments)


def assistant_message(
    text: str,
    *,
    refusal: str = "",
    reasoning: str = "",
    tool_calls: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> Message:
    """An assistant message without empty fields.

    ``content`` is None when there is no text but something stands in its place.
    """
    message: Message = {"role": "assistant", "content": text}
    if reasoning:
        message["reasoning_content"] = reasoning
    if refusal:
        message["refusal"] = refusal
    if tool_calls:
        message["tool_calls"] = list(tool_calls)
    message.update((key, value) for key, value in more.items() if value)
    if not text and (refusal or tool_calls or more.get("function_call")):
        message["content"] = None
    return message


def tool_calls_of(message: Message) -> list[ToolCall]:
    """The calls of an assistant message, the legacy ``function_call`` among them."""
    found = []
    for call in message.get("tool_calls") or ():
        if call.get("type") == "custom":
            custom = call["custom"]
            found.append(ToolCall(id=call["id"], name=custom["name"], arguments=custom["input"]))
        else:
            function = call["function"]
            found.append(_tool_call(call["id"], function["name"], function["arguments"]))
    legacy = message.get("function_call")
    if legacy:
        found.append(_tool_call("", legacy["name"], legacy["arguments"]))
    return found


def _tool_call(call_id: str, name: str, arguments: str) -> ToolCall:
    try:
        parsed = json_values.decode_writable(arguments.encode())
    except ValueError:
        parsed = None
    return ToolCall(id=call_id, name=name, arguments=arguments, parsed=parsed)


def usage_counts(usage: Any) -> dict[str, int]:
    """Token counts by the server's names, nested ones with a dot; prompt and completion tokens as
    ``input_tokens`` and ``output_tokens``.
    """
    counts: dict[str, int] = {}
    if not isinstance(usage, dict):
        return counts
    for key, value in usage.items():
        if isinstance(value, dict):
            counts.update((f"{key}.{name}", n) for name, n in value.items() if _is_count(n))
        elif _is_count(value):
            counts[_TOKEN_NAMES.get(str(key), str(key))] = value
    return counts


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_COUNT


def without_credentials(definitions: Any) -> Any:
    """Definitions of remote tools without the keys and headers that open their servers."""
    if not isinstance(definitions, list):
        return definitions
    return [
        {key: value for key, value in item.items() if key not in _CREDENTIAL_KEYS}
        if isinstance(item, dict)
        else item
        for item in definitions
    ]
