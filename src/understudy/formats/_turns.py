"""A chat in OpenAI's shape taken apart for formats that can say less; what they cannot say is told.

Training on something else than was meant is worse than one example less, so a chat whose meaning
would change is refused with its reason; what does not matter for training is dropped and counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from understudy.errors import FormatError
from understudy.formats.pictures import is_png, picture_in, rgb_png

_ROLES = {"developer": "system"}
_KNOWN = ("system", "user", "assistant", "tool")


class Call(msgspec.Struct, frozen=True):
    """One call of a tool."""

    id: str
    name: str
    arguments: dict[str, Any]


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message."""

    role: str
    """``system``, ``user``, ``assistant`` or ``tool``."""
    parts: list[str | bytes] = []
    """Texts, and pictures as PNG, in their order."""
    plain: bool = True
    """Whether the content is one text rather than a list of parts."""
    calls: list[Call] = []
    answers: str = ""
    """The id of the call that a ``tool`` message answers."""
    tool: str = ""
    """The name of that call's tool."""

    @property
    def text(self) -> str:
        """All texts, one after the other."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def pictures(self) -> list[bytes]:
        return [part for part in self.parts if isinstance(part, bytes)]


def turns_of(example: dict[str, Any], lost: Counter[str]) -> list[Turn]:
    """The messages of a valid example.

    Raises FormatError for what cannot be said, and counts in ``lost`` what is dropped.
    """
    if example.get("functions"):
        raise FormatError("it uses the deprecated `functions`")
    if example.get("parallel_tool_calls") is not None:
        lost["parallel_tool_calls"] += 1
    tools: dict[str, str] = {}
    return [_turn(message, tools, lost) for message in example["messages"]]


def _turn(message: dict[str, Any], tools: dict[str, str], lost: Counter[str]) -> Turn:
    role = _ROLES.get(message["role"], message["role"])
    if role not in _KNOWN or message.get("function_call"):
        raise FormatError("it uses the deprecated function calls")
    if message.get("refusal"):
        raise FormatError("a refusal is not said in this format")
    if message.get("weight") == 0:
        raise FormatError("a message of weight 0 would be trained on")
    if role != message["role"]:
        lost[f"the role {message['role']}, now {role}"] += 1
    if message.get("name") and role != "tool":
        lost["the name of a speaker"] += 1
    calls = [_call(call) for call in message.get("tool_calls") or ()]
    tools.update((call.id, call.name) for call in calls)
    answers = message.get("tool_call_id") or ""
    content = message.get("content")
    return Turn(
        role=role,
        parts=[content] if isinstance(content, str) else list(_parts(content or ())),
        plain=not isinstance(content, list),
        calls=calls,
        answers=answers,
        tool=tools.get(answers, ""),
    )


def _call(call: dict[str, Any]) -> Call:
    function = call["function"]
    return Call(call["id"], function["name"], json.loads(function["arguments"] or "{}"))


def _parts(content: Iterable[dict[str, Any]]) -> Iterable[str | bytes]:
    for part in content:
        if part["type"] == "text":
            yield part["text"]
        elif part["type"] == "refusal":
            raise FormatError("a refusal is not said in this format")
        else:
            image = part["image_url"]
            url = image.get("url") if isinstance(image, dict) else image
            picture = picture_in(url) if isinstance(url, str) else None
            if picture is None:
                raise FormatError("a picture lies at a web address, and nothing is fetched")
            picture = rgb_png(picture)
            if not is_png(picture):
                raise FormatError("a picture cannot be read")
            yield picture
