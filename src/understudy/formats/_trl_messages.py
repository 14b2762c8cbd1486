"""Messages as TRL takes them: arguments of calls as objects, pictures in a column of their own."""

from __future__ import annotations

import json
from typing import Any

from understudy.formats._turns import Turn


def trl_message(turn: Turn) -> dict[str, Any]:
    """One message; ``{"type": "image"}`` stands where a picture belongs."""
    message: dict[str, Any] = {"role": turn.role}
    if turn.answers:
        message |= {"tool_call_id": turn.answers, "name": turn.tool}
    if turn.parts or not turn.calls:
        message["content"] = turn.text if turn.plain else [_part(part) for part in turn.parts]
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.calls
        ]
    return message


def openai_message(message: dict[str, Any], pictures: list[str]) -> dict[str, Any]:
    """One message in OpenAI's shape; its pictures are taken from the front of ``pictures``.

    Raises KeyError, TypeError, AttributeError or IndexError for what is no message.
    """
    if message["role"] == "tool":
        message = {key: value for key, value in message.items() if key != "name"}
    content = message.get("content")
    if isinstance(content, list):
        content = [
            {"type": "image_url", "image_url": {"url": pictures.pop(0)}}
            if part["type"] == "image"
            else part
            for part in content
        ]
    rest = {key: value for key, value in message.items() if key not in ("role", "content")}
    message = {"role": message["role"], "content": content, **rest}
    for call in message.get("tool_calls") or ():
        function = call["function"]
        function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
    return message


def _part(part: str | bytes) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
