"""Conversations in ShareGPT's form as chats in OpenAI's shape, also those that others wrote freely.

Names of speakers and keys that are in use are understood, whatever the order of the turns; what is
not known is refused with its reason.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from understudy.errors import FormatError, StorageError
from understudy.formats.pictures import data_url, rgb_png
from understudy.store.atomic import safe_join

IMAGE_MARK = "<image>"
KEYS = ("conversations", "system", "tools", "images")
_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "call",
    "observation": "tool",
    "tool": "tool",
}


def conversation_example(
    value: dict[str, Any], folder: Path, ignored: Counter[str]
) -> dict[str, Any]:
    """The chat of one record; ids of tool calls are made up, pictures are read from ``folder``.

    ``ignored`` counts keys that say nothing of the chat. Raises FormatError for what is not
    understood.
    """
    for key in value.keys() - set(KEYS):
        ignored[f"the key {key!r}"] += 1
    turns = value.get("conversations")
    if not isinstance(turns, list) or not turns:
        raise FormatError("its conversations are no list of turns")
    reader = _Reader(_pictures(value.get("images"), folder))
    system = value.get("system")
    if system is not None and not isinstance(system, str):
        raise FormatError("its system message is no text")
    if system:
        reader.messages.append({"role": "system", "content": system})
    for number, turn in enumerate(turns, start=1):
        try:
            reader.add(turn, ignored)
        except (FormatError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise FormatError(f"turn {number}: {error}") from error
    if reader.pictures:
        raise FormatError(f"it has {len(reader.pictures)} images more than marks {IMAGE_MARK}")
    example: dict[str, Any] = {"messages": reader.messages}
    tools = _tools(value.get("tools"))
    if tools:
        example["tools"] = tools
    return example


class _Reader:
    """Takes one turn after the other."""

    def __init__(self, pictures: list[bytes]) -> None:
        self.messages: list[dict[str, Any]] = []
        self.pictures = pictures
        self._made = 0
        self._open: list[str] = []
        """Ids of the calls that the next observations answer."""

    def add(self, turn: Any, ignored: Counter[str]) -> None:
        if not isinstance(turn, dict):
            raise FormatError(f"it is a {type(turn).__name__}, not an object")
        who, said = ("from", "value") if "from" in turn else ("role", "content")
        role, text = turn.get(who), turn.get(said)
        known = _ROLES.get(role) if isinstance(role, str) else None
        if known is None:
            raise FormatError(f"its speaker is {role!r}; known are {', '.join(_ROLES)}")
        if not isinstance(text, str):
            raise FormatError(f"its {said} is no text")
        for key in turn.keys() - {who, said}:
            ignored[f"the key {key!r} of turns"] += 1
        if known == "call":
            self._call(text)
        elif known == "tool":
            # What follows words is the result of calls that stand in brackets in them.
            answers = {"tool_call_id": self._open.pop(0)} if self._open else {}
            self.messages.append({"role": "tool", **answers, "content": text})
        else:
            self._open = []
            self.messages.append({"role": known, "content": self._content(text)})

    def _call(self, text: str) -> None:
        told = json.loads(text)
        calls = []
        self._open = []
        for call in told if isinstance(told, list) else [told]:
            arguments = call["arguments"]
            if not isinstance(arguments, str):
                arguments = json.dumps(arguments, ensure_ascii=False)
            self._made += 1
            self._open.append(f"call_{self._made}")
            function = {"name": call["name"], "arguments": arguments}
            calls.append({"id": self._open[-1], "type": "function", "function": function})
        self.messages.append({"role": "assistant", "content": None, "tool_calls": calls})

    def _content(self, text: str) -> str | list[dict[str, Any]]:
        texts = text.split(IMAGE_MARK)
        if len(texts) == 1:
            return text
        if len(self.pictures) < len(texts) - 1:
            raise FormatError(f"there are more marks {IMAGE_MARK} than images")
        parts: list[dict[str, Any]] = []
        for number, piece in enumerate(texts):
            if number:
                url = data_url(self.pictures.pop(0))
                parts.append({"type": "image_url", "image_url": {"url": url}})
            if piece:
                parts.append({"type": "text", "text": piece})
        return parts


def _pictures(images: Any, folder: Path) -> list[bytes]:
    if not images:
        return []
    if not isinstance(images, list) or not all(isinstance(name, str) for name in images):
        raise FormatError("its images are no list of paths")
    try:
        return [rgb_png(safe_join(folder, name).read_bytes()) for name in images]
    except (OSError, StorageError, ValueError) as error:
        raise FormatError(f"a picture cannot be read: {error}") from error


def _tools(tools: Any) -> list[dict[str, Any]]:
    """The definitions, which stand there as a list or as its JSON text, wrapped or not."""
    try:
        told = json.loads(tools) if isinstance(tools, str) and tools.strip() else tools
    except (ValueError, RecursionError) as error:
        raise FormatError(f"its tools are not JSON: {error}") from error
    if not told:
        return []
    if not isinstance(told, list) or not all(isinstance(tool, dict) for tool in told):
        raise FormatError("its tools are no list of objects")
    return [tool if "function" in tool else {"type": "function", "function": tool} for tool in told]
