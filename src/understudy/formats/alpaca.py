"""Alpaca as LLaMA-Factory reads it: an instruction and its output, with what was said before.

The whole question stands in ``instruction``; files of others that have an ``input`` too are read
with it below the instruction. Tools, their results and pictures are not said in this format.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from understudy.errors import FormatError
from understudy.formats._array_layout import BETWEEN, CLOSE, OPEN, encode_element
from understudy.formats._split_files import SplitFiles
from understudy.formats._turns import Turn, turns_of
from understudy.formats.openai_array import SkippedElement, iterate_array
from understudy.formats.openai_rules import validate_example

_log = logging.getLogger(__name__)


class AlpacaRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One element of the file."""

    instruction: str
    input: str
    output: str
    system: str = ""
    history: list[tuple[str, str]] = []
    """Questions and their answers, oldest first."""


class AlpacaWriter:
    """Writes chats in OpenAI's shape; nothing is in its place before ``finish``."""

    def __init__(self, output: Path, *, max_bytes: int | None) -> None:
        self.count = 0
        self.lost: Counter[str] = Counter()
        self._files = SplitFiles(
            output, max_bytes=max_bytes, head=OPEN, between=BETWEEN, tail=CLOSE
        )

    def write(self, example: dict[str, Any]) -> None:
        """Add one example; FormatError when it cannot be said, StorageError as the disk does."""
        lost: Counter[str] = Counter()
        record = _record(example, lost)
        self._files.add(encode_element(msgspec.to_builtins(record)))
        self.lost += lost
        self.count += 1

    def finish(self) -> list[Path]:
        """The files, now in their places."""
        return self._files.finish()

    def leftovers(self, written: list[Path]) -> list[Path]:
        """Files of an earlier export of this name that do not belong to this one."""
        return self._files.leftovers(written)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._files.abandon()


def read_conversations(
    path: Path | str, *, report: Callable[[SkippedElement], None] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The good elements of a file as examples in OpenAI's shape, with their places from 0.

    Others go to ``report`` (else to the log) and are passed over. Raises StorageError when the file
    cannot be read and FormatError when it is no array.
    """
    skip = report or _logged(Path(path))
    for index, value in iterate_array(path, report=skip):
        try:
            record = msgspec.convert(value, type=AlpacaRecord, strict=True)
        except msgspec.ValidationError as error:
            skip(SkippedElement(index, 0, str(error)))
        else:
            yield index, _example(record)


def _logged(path: Path) -> Callable[[SkippedElement], None]:
    return lambda bad: _log.warning("%s, element %d: %s", path, bad.index, bad.reason)


def _record(example: dict[str, Any], lost: Counter[str]) -> AlpacaRecord:
    turns = turns_of(example, lost)
    system = ""
    if turns and turns[0].role == "system":
        system = _text(turns.pop(0))
        lost["an empty system message"] += not system
    texts = [_text(turn) for turn in turns]
    for number, turn in enumerate(turns):
        if turn.role != ("assistant" if number % 2 else "user"):
            raise FormatError("its turns do not alternate: a question, then an answer")
    if not turns or len(turns) % 2:
        raise FormatError("it does not end with the answer to a question")
    if example.get("tools"):
        lost["the definitions of tools"] += 1
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    return AlpacaRecord(
        instruction=pairs[-1][0], input="", output=pairs[-1][1], system=system, history=pairs[:-1]
    )


def _text(turn: Turn) -> str:
    if turn.calls:
        raise FormatError("tool calls are not said in this format (only in brackets)")
    if turn.role == "tool":
        raise FormatError("results of tools are not said in this format")
    if turn.pictures:
        raise FormatError("pictures are not said in this format")
    return turn.text


def _example(record: AlpacaRecord) -> dict[str, Any]:
    messages = [{"role": "system", "content": record.system}] if record.system else []
    asked = "\n".join(part for part in (record.instruction, record.input) if part)
    for question, answer in (*record.history, (asked, record.output)):
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    return {"messages": messages}


class Alpaca:
    """The export format ``alpaca``."""

    suffix = ".json"
    max_bytes: int | None = None
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example, bare_results=True)

    def open(self, output: Path, *, max_bytes: int | None) -> AlpacaWriter:
        return AlpacaWriter(output, max_bytes=max_bytes)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
