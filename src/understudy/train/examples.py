"""What a model is trained on: chats in one shape, whatever form they were written in.

An example is a dictionary with ``messages`` and, where it has them, ``tools`` (JSON schemas) and
``images`` (encoded pictures, in the order of the ``{"type": "image"}`` parts). No part of its
content are ``where``, which names it for people, and ``brackets``, which is False where brackets in
it are no calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from understudy.chat.messages import tool_calls_of
from understudy.chat.tools.bracket import canonical_turn
from understudy.chat.tools.json_schema import to_brackets
from understudy.chat.tools.registry import ToolRegistry
from understudy.errors import FormatError, TrainingError
from understudy.formats.pictures import picture_in, rgb_png
from understudy.store.hashes import sha256_bytes

Example = dict[str, Any]
ROLES = ("system", "user", "assistant", "tool")
_CONTENT = ("messages", "tools", "images", "prompt", "chosen", "rejected", "completion", "label")
_HASH_DIGITS = 32
_KEPT = ("name", "tool_call_id", "reasoning_content", "weight")


def where_of(example: Mapping[str, Any], number: int) -> str:
    """What an example is called: its file and line, its session, else its number from 1."""
    return str(example.get("where") or f"example {number}")


def content_hash(example: Mapping[str, Any]) -> str:
    """32 hex digits that are equal for examples of equal content, wherever they are from."""
    told = {key: example[key] for key in _CONTENT if example.get(key) not in (None, [])}
    if "images" in told:
        told["images"] = [sha256_bytes(image) for image in told["images"]]
    encoded = msgspec.json.encode(told, order="deterministic")
    return sha256_bytes(encoded)[:_HASH_DIGITS]


def as_example(
    raw: Mapping[str, Any],
    where: str,
    *,
    registry: ToolRegistry | None = None,
    calls: str = "auto",
    with_images: bool = False,
) -> Example:
    """``raw`` (the shape of OpenAI's format, of TRL's, or a chat in brackets) as an example.

    Calls of tools become brackets where ``calls`` and ``registry`` say so, and brackets get their
    one spelling. Raises TrainingError naming ``where`` for what is no chat.
    """
    messages = raw.get("messages")
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise TrainingError(f"{where} has no messages; give a list of them under `messages`")
    reader = _Reader(where, list(raw.get("images") or ()), with_images=with_images)
    read = [reader.message(message, number) for number, message in enumerate(messages, start=1)]
    if with_images and reader.waiting:
        raise TrainingError(
            f"{where} has {len(reader.waiting)} pictures more than places for them; put an "
            "image part into a message for each"
        )
    tools = raw.get("tools")
    if registry is not None and _in_brackets(read, registry, calls):
        try:
            read = to_brackets(read, registry)
        except FormatError as error:
            raise TrainingError(
                f"{where} cannot be written with its calls in brackets: {error}; correct it"
            ) from error
        tools = None
    if registry is not None:
        read = [_canonical(message, registry) for message in read]
    example: Example = {"messages": read, "where": where}
    if registry is None:
        example["brackets"] = False
    if tools:
        example["tools"] = list(tools)
    if reader.images:
        example["images"] = reader.images
    return example


def split_off(
    examples: Iterable[Example], share: float, most: int
) -> tuple[list[Example], list[Example]]:
    """Those to train on and those held back: at most ``most``, about ``share`` of them.

    The content decides on which side an example falls, so that it is the same side every time.
    Everything is trained on where nothing would be left for that.
    """
    train: list[Example] = []
    held: list[tuple[int, Example]] = []
    for example in examples:
        place = int(content_hash(example)[:8], 16)
        if place < share * 2**32:
            held.append((place, example))
        else:
            train.append(example)
    held.sort(key=lambda pair: pair[0])
    kept, returned = held[:most], held[most:]
    train += [example for _, example in returned]
    if not train:
        return [example for _, example in kept], []
    return train, [example for _, example in kept]


class _Reader:
    """Reads the messages of one example, taking its pictures in order."""

    def __init__(self, where: str, images: list[Any], *, with_images: bool) -> None:
        self.where = where
        self.waiting = images
        self.images: list[bytes] = []
        self._with_images = with_images

    def message(self, raw: Any, number: int) -> dict[str, Any]:
        place = f"message {number} of {self.where}"
        if not isinstance(raw, Mapping):
            raise TrainingError(f"{place} is no message; write an object with role and content")
        role = raw.get("role")
        role = "system" if role == "developer" else "tool" if role == "function" else role
        if role not in ROLES:
            raise TrainingError(f"{place} has the role {role!r}; known are {', '.join(ROLES)}")
        message: dict[str, Any] = {"role": role, "content": self._content(raw, place)}
        message.update({key: raw[key] for key in _KEPT if raw.get(key) is not None})
        if role == "assistant" and (raw.get("tool_calls") or raw.get("function_call")):
            message["tool_calls"] = _calls(raw, place)
        elif message["content"] in ("", None) and role == "assistant":
            raise TrainingError(f"{place} says nothing and calls nothing; remove it")
        return message

    def _content(self, raw: Mapping[str, Any], place: str) -> Any:
        content = raw.get("content")
        if content is None:
            return ""
        if isinstance(content, str):
            return content
        if not isinstance(content, Sequence):
            raise TrainingError(f"the content of {place} is neither text nor a list of parts")
        parts: list[dict[str, Any]] = []
        for part in content:
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind in ("text", "input_text") and isinstance(part.get("text"), str):
                if parts and parts[-1]["type"] == "text":
                    parts[-1]["text"] += part["text"]
                else:
                    parts.append({"type": "text", "text": part["text"]})
            elif kind in ("image", "image_url", "input_image"):
                if self._with_images:
                    self.images.append(self._picture(part, place))
                    parts.append({"type": "image"})
            else:
                raise TrainingError(f"{place} has a part of the type {kind!r}, which is not known")
        if all(part["type"] == "text" for part in parts):
            return "".join(part["text"] for part in parts)
        return parts

    def _picture(self, part: Mapping[str, Any], place: str) -> bytes:
        source = part.get("image_url", part.get("image"))
        if isinstance(source, Mapping):
            source = source.get("url")
        if source is None and self.waiting:
            source = self.waiting.pop(0)
        if isinstance(source, Mapping):
            source = source.get("bytes")
        if isinstance(source, str):
            source = picture_in(source) or source
        if isinstance(source, bytes):
            return rgb_png(source)
        raise TrainingError(
            f"a picture in {place} is not there ({str(source)[:40]!r}); give it as a data URL, or "
            "in the column `images`"
        )


def _calls(raw: Mapping[str, Any], place: str) -> list[dict[str, Any]]:
    """The calls of a message with their arguments as objects, as chat templates take them."""
    try:
        found = []
        for call in raw.get("tool_calls") or ():
            function = call["function"]
            arguments = function.get("arguments")
            if isinstance(arguments, str):
                arguments = json.loads(arguments or "{}")
            if not isinstance(arguments, dict):
                raise TypeError("its arguments are no object")
            told = {"name": str(function["name"]), "arguments": arguments}
            found.append({"id": call.get("id") or "", "type": "function", "function": told})
        if not found:
            (legacy,) = tool_calls_of(dict(raw))
            told = {"name": legacy.name, "arguments": json.loads(legacy.arguments or "{}")}
            found.append({"id": "", "type": "function", "function": told})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TrainingError(
            f"a call of a tool in {place} cannot be read ({error}); write its arguments as JSON"
        ) from error
    return found


def _in_brackets(messages: list[dict[str, Any]], registry: ToolRegistry, calls: str) -> bool:
    names = [
        call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()
    ]
    if not names or calls == "json":
        return False
    return calls == "brackets" or all(name in registry for name in names)


def _canonical(message: dict[str, Any], registry: ToolRegistry) -> dict[str, Any]:
    content = message["content"]
    if message["role"] != "assistant" or not isinstance(content, str) or "[" not in content:
        return message
    return message | {"content": canonical_turn(content, registry)}
