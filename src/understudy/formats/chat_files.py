"""Chats that people bring along: JSON Lines or one JSON array, each record in OpenAI's form or in
ShareGPT's.

The keys of a record say which it is; nothing is guessed. What cannot be read is reported with its
place and its reason, and passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from understudy.errors import FormatError
from understudy.formats._array_layout import decode_element
from understudy.formats._array_scan import BOM, LARGEST_ELEMENT
from understudy.formats._json_lines import read_json_lines, unreadable
from understudy.formats.openai_array import iterate_array
from understudy.formats.openai_messages import training_message
from understudy.formats.openai_rules import KEYS, validate_example
from understudy.formats.sharegpt_reading import conversation_example

ENDINGS = (".jsonl", ".json")
_MESSAGE_KEYS = {
    "role", "content", "name", "tool_call_id", "weight", "refusal", "tool_calls", "function_call"
}  # fmt: skip
_PREFERENCE_KEYS = {"preferred_output", "chosen", "rejected"}
_SNIFFED = 4096

Form = Literal["openai", "sharegpt"]


class BadRecord(msgspec.Struct, frozen=True):
    """A record that was passed over."""

    place: str
    """``line 3``, ``element 0``; empty for the file as a whole."""
    reason: str


class ChatRecord(msgspec.Struct, frozen=True):
    """A chat that was read."""

    place: str
    example: dict[str, Any]
    """In OpenAI's shape; results of calls in brackets may name no call."""
    form: Form


def read_chats(
    path: Path, report: Callable[[BadRecord], None], *, ignored: Counter[str] | None = None
) -> Iterator[ChatRecord]:
    """The chats of a file, one in memory at a time.

    ``ignored`` counts keys that say nothing of the chat and are not taken. Raises StorageError
    when the file cannot be read.
    """
    seen: Counter[str] = Counter() if ignored is None else ignored
    for place, value in _values(path, report):
        dropped: Counter[str] = Counter()
        try:
            example, form = _example(value, path.parent, dropped)
        except FormatError as error:
            report(BadRecord(place, str(error)))
            continue
        reasons = validate_example(example, bare_results=True)
        if reasons:
            report(BadRecord(place, "; ".join(reasons)))
            continue
        seen.update(dropped.keys())
        yield ChatRecord(place, example, form)


def _values(path: Path, report: Callable[[BadRecord], None]) -> Iterator[tuple[str, Any]]:
    """The records of the file, whatever they are, with their places."""
    start = _start(path)
    if start.startswith(b"["):
        try:
            for index, value in iterate_array(
                path, report=lambda bad: report(BadRecord(f"element {bad.index}", bad.reason))
            ):
                yield f"element {index}", value
        except FormatError as error:
            report(BadRecord("", str(error)))
    elif start.startswith(b"{") and path.suffix == ".json" and _is_one_object(path):
        yield "line 1", decode_element(path.read_bytes().removeprefix(BOM))
    else:
        for line, value in read_json_lines(
            path, lambda _: [], report=lambda bad: report(BadRecord(f"line {bad.line}", bad.reason))
        ):
            yield f"line {line}", value


def _start(path: Path) -> bytes:
    """What the file begins with, without white space."""
    try:
        with open(path, "rb") as file:
            return file.read(_SNIFFED).removeprefix(BOM).lstrip()
    except OSError as error:
        raise unreadable(path, error) from error


def _is_one_object(path: Path) -> bool:
    """Whether the file is one JSON object over several lines rather than an object a line."""
    try:
        if path.stat().st_size > LARGEST_ELEMENT:
            return False
        return isinstance(decode_element(path.read_bytes().removeprefix(BOM)), dict)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError:
        return False


def _example(value: Any, folder: Path, ignored: Counter[str]) -> tuple[dict[str, Any], Form]:
    if not isinstance(value, dict):
        raise FormatError(f"it is a {type(value).__name__}, not an object")
    if "messages" in value and "conversations" in value:
        raise FormatError("it has messages and conversations; leave one of them")
    if "messages" in value:
        return _openai_example(value, ignored), "openai"
    if "conversations" in value:
        return conversation_example(value, folder, ignored), "sharegpt"
    if value.keys() & _PREFERENCE_KEYS:
        raise FormatError("it is a preference of two answers; only chats are brought in")
    raise FormatError("it has neither messages nor conversations")


def _openai_example(value: dict[str, Any], ignored: Counter[str]) -> dict[str, Any]:
    for key in value.keys() - KEYS:
        ignored[f"the key {key!r}"] += 1
    messages = value["messages"]
    if isinstance(messages, list):
        messages = [_message(message, ignored) for message in messages]
    rest = {
        key: value[key]
        for key in ("tools", "parallel_tool_calls", "functions")
        if value.get(key) not in (None, [])
    }
    if not rest.get("tools"):
        rest.pop("parallel_tool_calls", None)
    return {"messages": messages, **rest}


def _message(message: Any, ignored: Counter[str]) -> Any:
    if not isinstance(message, dict) or not isinstance(message.get("tool_calls") or [], list):
        return message
    for key, value in message.items():
        if key not in _MESSAGE_KEYS and value not in (None, [], {}, ""):
            ignored[f"the key {key!r} of messages"] += 1
    return training_message(message)
