"""TRL's conversational form with images, in Parquet: what `datasets` loads and its trainers take.

``messages`` holds the turns, with ``{"type": "image"}`` where a picture of the column ``images``
belongs; arguments of tool calls are objects, and ``tools`` are JSON schemas.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.errors import FormatError
from understudy.formats._array_layout import decode_element
from understudy.formats._parquet_file import (
    IMAGE,
    JSON,
    ParquetFile,
    image_value,
    json_value,
    list_of,
    read_table_rows,
)
from understudy.formats._turns import Turn, turns_of
from understudy.formats.hf_parquet import refuse_splitting
from understudy.formats.openai_rules import validate_example
from understudy.formats.pictures import data_url

FEATURES = {
    "messages": list_of(JSON),
    "images": list_of(IMAGE),
    "tools": list_of(JSON),
}


class TrlWriter:
    """Writes chats in OpenAI's shape as rows of this form; see `ParquetFile`."""

    def __init__(self, output: Path) -> None:
        self.lost: Counter[str] = Counter()
        self._file = ParquetFile(output, FEATURES)

    @property
    def count(self) -> int:
        return self._file.count

    def write(self, example: dict[str, Any]) -> None:
        """Add one example; FormatError when it cannot be said, StorageError as the disk does."""
        lost: Counter[str] = Counter()
        turns = turns_of(example, lost)
        pictures = [picture for turn in turns for picture in turn.pictures]
        messages = [json_value(_message(turn)) for turn in turns]
        tools = example.get("tools")
        said = None if tools is None else [json_value(tool) for tool in tools]
        size = sum(map(len, messages)) + sum(map(len, pictures)) + sum(map(len, said or ()))
        self._file.add([messages, [image_value(png) for png in pictures], said], size)
        self.lost.update(lost)

    def finish(self) -> list[Path]:
        """The file, now in its place."""
        return [self._file.finish()]

    def leftovers(self, written: list[Path]) -> list[Path]:
        """None: there is one file, and it has been replaced."""
        return []

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.abandon()


def read_conversations(path: Path) -> Iterator[dict[str, Any]]:
    """The examples of such a file in OpenAI's shape, few in memory at a time.

    Raises StorageError when it cannot be read, FormatError naming the row when it is no such file.
    """
    for number, values in enumerate(read_table_rows(path, tuple(FEATURES)), start=1):
        try:
            yield _example(values)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise FormatError(
                f"it is no conversation ({error})", path=path, position=f"row {number}"
            ) from error


def _message(turn: Turn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.role}
    if turn.role == "tool":
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


def _part(part: str | bytes) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}


def _example(values: dict[str, Any]) -> dict[str, Any]:
    pictures = [data_url(image["bytes"]) for image in values["images"] or ()]
    messages = [decode_element(text.encode()) for text in values["messages"]]
    example: dict[str, Any] = {"messages": [_back(message, pictures) for message in messages]}
    if pictures:
        raise ValueError(f"{len(pictures)} more pictures than places for them")
    if values["tools"] is not None:
        example["tools"] = [decode_element(text.encode()) for text in values["tools"]]
    return example


def _back(message: dict[str, Any], pictures: list[str]) -> dict[str, Any]:
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
    message = {"role": message["role"], "content": content, **_without_content(message)}
    for call in message.get("tool_calls") or ():
        function = call["function"]
        function["arguments"] = json.dumps(function["arguments"], ensure_ascii=False)
    return message


def _without_content(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in ("role", "content")}


class TrlConversational:
    """The export format ``trl``."""

    suffix = ".parquet"
    max_bytes: int | None = None
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example)

    def open(self, output: Path, *, max_bytes: int | None) -> TrlWriter:
        refuse_splitting(max_bytes)
        return TrlWriter(output)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
