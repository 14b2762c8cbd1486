"""ShareGPT as LLaMA-Factory and Axolotl read it: conversations, with pictures as files beside them.

Every ``<image>`` in a text stands for one entry of ``images``; a text that says so itself cannot be
told from that and is refused, and so is a chat whose turns do not alternate.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from understudy.errors import FormatError, StorageError
from understudy.formats._array_layout import encode_compact
from understudy.formats._json_lines import BadLine, Report, logged, read_json_lines
from understudy.formats._split_files import SplitFiles
from understudy.formats._turns import Turn, turns_of
from understudy.formats.openai_rules import validate_example
from understudy.formats.sharegpt_reading import IMAGE_MARK, conversation_example
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder

_MARKS = (IMAGE_MARK, "<video>", "<audio>")
_ASKING = ("human", "observation")
_ANSWERING = ("gpt", "function_call")
_NAME_BYTES = 16
_PICTURE_NAME = re.compile(r"[0-9a-f]{32}\.png")


class Said(msgspec.Struct, rename={"who": "from"}, forbid_unknown_fields=True):
    """One turn."""

    who: str
    value: str


class Conversation(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the file."""

    conversations: list[Said]
    system: str = ""
    tools: str = ""
    """A JSON list of the tools."""
    images: list[str] = []
    """Paths relative to the file."""


class ShareGptWriter:
    """Writes chats in OpenAI's shape; the pictures lie in ``NAME_images/`` beside ``NAME.jsonl``.

    Each distinct picture is stored once. Nothing is in its place before ``finish``.
    """

    def __init__(self, output: Path, *, max_bytes: int | None) -> None:
        self.count = 0
        self.lost: Counter[str] = Counter()
        self._files = SplitFiles(output, max_bytes=max_bytes)
        self._images = images_folder(output)
        self._partial = self._images.with_name(
            f".{self._images.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}"
        )
        self._stored: set[str] = set()

    def write(self, example: dict[str, Any]) -> None:
        """Add one example; FormatError when it cannot be said, StorageError as the disk does."""
        lost: Counter[str] = Counter()
        conversation, pictures = _conversation(example, lost, self._images.name)
        self._files.add(encode_compact(msgspec.to_builtins(conversation)) + b"\n")
        for path, picture in zip(conversation.images, pictures, strict=True):
            self._store(Path(path).name, picture)
        self.lost.update(lost)
        self.count += 1

    def finish(self) -> list[Path]:
        """The files and, where there is one, the folder of the pictures, now in their places.

        Pictures are named by their content, so that a former file stays whole until it is replaced.
        """
        try:
            for name in self._stored:
                self._images.mkdir(exist_ok=True)
                (self._partial / name).replace(self._images / name)
            files = self._files.finish()
            if not self._stored:
                return files
            self._partial.rmdir()
            for old in self._images.iterdir():
                if old.name not in self._stored and _PICTURE_NAME.fullmatch(old.name):
                    old.unlink()
            sync_folder(self._images)
        except OSError as error:
            self.abandon()
            raise _refused(self._images, error) from error
        return [*files, self._images]

    def leftovers(self, written: list[Path]) -> list[Path]:
        """What an earlier export of this name left that does not belong to this one."""
        old = [self._images] if self._images.exists() and self._images not in written else []
        return [*self._files.leftovers(written), *old]

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._files.abandon()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _store(self, name: str, picture: bytes) -> None:
        if name in self._stored:
            return
        try:
            self._partial.mkdir(parents=True, exist_ok=True)
            (self._partial / name).write_bytes(picture)
        except OSError as error:
            self.abandon()
            raise _refused(self._partial / name, error) from error
        self._stored.add(name)


def images_folder(output: Path) -> Path:
    """Where the pictures of a file lie."""
    return output.with_name(f"{output.stem}_images")


def validate_conversation(value: Any) -> list[str]:
    """The reasons why ``value`` is no line of such a file; empty when it is one."""
    try:
        found = msgspec.convert(value, type=Conversation, strict=True)
    except msgspec.ValidationError as error:
        return [str(error)]
    reasons = []
    for number, said in enumerate(found.conversations, start=1):
        allowed = _ASKING if number % 2 else _ANSWERING
        if said.who not in allowed:
            reasons.append(f"turn {number} is of {said.who!r}, not of {' or '.join(allowed)}")
    if not found.conversations or len(found.conversations) % 2:
        reasons.append("the conversation does not end with an answer")
    marks = found.system.count(IMAGE_MARK)
    marks += sum(said.value.count(IMAGE_MARK) for said in found.conversations)
    if marks != len(found.images):
        reasons.append(f"it has {marks} marks {IMAGE_MARK} and {len(found.images)} images")
    return reasons


def read_conversations(
    path: Path | str, *, report: Report | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The good lines of a file as examples in OpenAI's shape, with their line numbers.

    Ids of tool calls are made up anew. Lines that break the rules, or whose pictures cannot be
    read, go to ``report`` (else to the log) and are passed over. Raises StorageError when the file
    cannot be read.
    """
    path = Path(path)
    skip = report or logged(path)
    for number, value in read_json_lines(path, validate_conversation, report=skip):
        try:
            example = conversation_example(value, path.parent, Counter())
        except FormatError as error:
            skip(BadLine(number, f"it cannot be made a chat of: {error}"))
        else:
            yield number, example


def _conversation(
    example: dict[str, Any], lost: Counter[str], folder: str
) -> tuple[Conversation, list[bytes]]:
    turns = turns_of(example, lost)
    system = ""
    if turns and turns[0].role == "system":
        system = _value(turns.pop(0))
    pictures = [picture for turn in turns for picture in turn.pictures]
    conversation = Conversation(
        conversations=[_said(turn, lost) for turn in turns],
        system=system,
        tools=_tools(example),
        images=[f"{folder}/{_picture_name(picture)}" for picture in pictures],
    )
    reasons = validate_conversation(msgspec.to_builtins(conversation))
    if reasons:
        raise FormatError(f"its turns do not alternate: {reasons[0]}")
    return conversation, pictures


def _said(turn: Turn, lost: Counter[str]) -> Said:
    if turn.role == "system":
        raise FormatError("a system message stands between the turns")
    if turn.calls:
        if turn.text:
            raise FormatError("words beside a tool call are not said in this format")
        if len(turn.calls) > 1:
            raise FormatError("several tool calls at once are not said in this format")
        lost["the ids of tool calls"] += 1
        call = {"name": turn.calls[0].name, "arguments": turn.calls[0].arguments}
        return Said("function_call", json.dumps(call, ensure_ascii=False))
    who = {"user": "human", "assistant": "gpt", "tool": "observation"}[turn.role]
    return Said(who, _value(turn))


def _value(turn: Turn) -> str:
    texts = [part for part in turn.parts if isinstance(part, str)]
    for mark in _MARKS:
        if any(mark in text for text in texts):
            raise FormatError(f"its text holds {mark}, which would stand for a file")
    return "".join(part if isinstance(part, str) else IMAGE_MARK for part in turn.parts)


def _tools(example: dict[str, Any]) -> str:
    tools = [tool["function"] for tool in example.get("tools") or ()]
    return json.dumps(tools, ensure_ascii=False) if tools else ""


def _picture_name(picture: bytes) -> str:
    return f"{hashlib.blake2b(picture, digest_size=_NAME_BYTES).hexdigest()}.png"


def _refused(path: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(
        f"{path} cannot be written ({reason}); check its folder, the permissions and the free space"
    )


class ShareGPT:
    """The export format ``sharegpt``."""

    suffix = ".jsonl"
    max_bytes: int | None = None
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example, bare_results=True)

    def open(self, output: Path, *, max_bytes: int | None) -> ShareGptWriter:
        return ShareGptWriter(output, max_bytes=max_bytes)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
