"""From the ways in which games keep a conversation to messages in OpenAI's shape.

Games hold their history as dictionaries with keys of their own, as plain strings, as pairs, or as
objects of some SDK; the answer comes as text, as a dictionary, or as the SDK's whole response.
What cannot be understood is a ValueError with the reason, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from understudy.formats.openai_messages import training_message

Message = dict[str, Any]

_ROLES = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "human": "user",
    "player": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "dm": "assistant",
    "tool": "tool",
    "function": "function",
}
_ROLE_KEYS = ("role", "type", "from", "speaker")
_CONTENT_KEYS = ("content", "text", "parts", "value")
_OTHER_SPEECH = ("tool_calls", "function_call", "refusal")
_OBJECT_KEYS = (
    *_ROLE_KEYS, *_CONTENT_KEYS, "choices", "message", "output_text", "tool_calls", "tool_call_id",
    "function_call", "name", "refusal",
)  # fmt: skip


def to_messages(history: Any) -> list[Message]:
    """The messages of a history: a list of messages in any known form, or one text."""
    if isinstance(history, str):
        return [{"role": "user", "content": history}]
    history = _plain(history)
    if isinstance(history, Mapping):
        if not isinstance(history.get("messages"), (list, tuple)):
            raise ValueError("the history is one object without a list of messages")
        history = history["messages"]
    if not isinstance(history, (list, tuple)):
        raise ValueError(f"the history is a {type(history).__name__}, not a list of messages")
    messages = []
    for number, entry in enumerate(history, start=1):
        try:
            messages.append(_message(entry))
        except ValueError as error:
            raise ValueError(f"message {number} of the history: {error}") from None
    return messages


def to_answer(response: Any) -> Message:
    """The assistant message of an answer: text, a message, or a whole response of an SDK."""
    if isinstance(response, str):
        if not response.strip():
            raise ValueError("the answer is empty")
        return {"role": "assistant", "content": response}
    response = _plain(response)
    if not isinstance(response, Mapping):
        raise ValueError(f"the answer is a {type(response).__name__}, not a text or a message")
    choices = response.get("choices")
    if choices is not None:
        if not isinstance(choices, (list, tuple)) or not choices:
            raise ValueError("the response has no choices")
        choice = _plain(choices[0])
        response = _plain(choice.get("message") or choice) if isinstance(choice, Mapping) else {}
    elif isinstance(response.get("message"), (Mapping, str)) and "content" not in response:
        inner = response["message"]
        response = {"content": inner} if isinstance(inner, str) else inner
    elif isinstance(response.get("output_text"), str):
        response = {"content": response["output_text"]}
    if not any(
        key in response for key in (*_CONTENT_KEYS, "tool_calls", "function_call", "refusal")
    ):
        # A game's own object of narration and actions: the model wrote it, so it is the answer.
        if not response:
            raise ValueError("the answer is empty")
        return {"role": "assistant", "content": _as_json(response)}
    answer = _message({**response, "role": "assistant"})
    if not any(answer.get(key) for key in ("content", *_OTHER_SPEECH)):
        raise ValueError("the answer is empty")
    return answer


def _message(entry: Any) -> Message:
    if isinstance(entry, str):
        return {"role": "user", "content": entry}
    if isinstance(entry, (list, tuple)) and len(entry) == 2 and isinstance(entry[0], str):
        entry = {"role": entry[0], "content": entry[1]}
    entry = _plain(entry)
    if not isinstance(entry, Mapping):
        raise ValueError(f"it is a {type(entry).__name__}, not a message")
    said = next((entry[key] for key in _ROLE_KEYS if isinstance(entry.get(key), str)), None)
    role = _ROLES.get(said.lower()) if said is not None else None
    if role is None:
        raise ValueError("it has no role" if said is None else f"its role is {said!r}")
    raw = next((entry[key] for key in _CONTENT_KEYS if entry.get(key) is not None), None)
    content, calls = _content(raw)
    message = {
        "role": role,
        "content": content,
        "name": entry.get("name") if isinstance(entry.get("name"), str) else None,
        "tool_call_id": entry.get("tool_call_id"),
        "tool_calls": _calls(entry.get("tool_calls")) or calls or None,
        "function_call": _plain(entry.get("function_call")) or None,
        "refusal": entry.get("refusal"),
    }
    if content is None and not any(message[key] for key in _OTHER_SPEECH):
        raise ValueError("it has no content")
    return training_message(message)


def _content(raw: Any) -> tuple[Any, list[Any]]:
    """Content as text or a list of parts, and the tool calls that stood among the parts."""
    if raw is None or isinstance(raw, str):
        return raw, []
    raw = _plain(raw)
    if isinstance(raw, Mapping):
        return _as_json(raw), []
    if not isinstance(raw, (list, tuple)):
        raise ValueError(f"its content is a {type(raw).__name__}, not text")
    parts: list[Any] = []
    calls: list[Any] = []
    for part in raw:
        part = _plain(part)
        if isinstance(part, str):
            parts.append({"type": "text", "text": part})
        elif not isinstance(part, Mapping):
            raise ValueError(f"a part of its content is a {type(part).__name__}")
        elif part.get("type") == "tool_use":
            calls.append(
                {
                    "id": part.get("id"),
                    "function": {
                        "name": part.get("name"),
                        "arguments": _as_json(part.get("input") or {}),
                    },
                }
            )
        elif isinstance(part.get("text"), str):
            parts.append({"type": "text", "text": part["text"]})
        elif part.get("type") in ("image_url", "refusal"):
            parts.append(dict(part))
        elif part.get("type") not in ("thinking", "redacted_thinking", "reasoning"):
            raise ValueError(f"a part of its content is of the type {part.get('type')!r}")
    if parts and all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts), calls
    return parts or None, calls


def _calls(calls: Any) -> list[Any]:
    if not calls:
        return []
    if not isinstance(calls, (list, tuple)):
        raise ValueError("its tool calls are no list")
    plain = []
    for call in calls:
        call = _plain(call)
        if isinstance(call, Mapping) and call.get("function") is not None:
            call = {**call, "function": _plain(call["function"])}
        if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
            raise ValueError("a tool call names no function")
        plain.append(dict(call))
    return plain


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it cannot be written as JSON ({error})") from None


def _plain(value: Any) -> Any:
    """An SDK's object as a dictionary of what it says; other values as they are."""
    if value is None or isinstance(value, (str, bytes, int, float, list, tuple, Mapping)):
        return value
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json", exclude_none=True)
    facts = {key: getattr(value, key) for key in _OBJECT_KEYS if hasattr(value, key)}
    return facts or value
