"""The export format ``openai-array``: the layout of ``training_data.json``, written in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from understudy.formats._array_layout import BETWEEN, CLOSE, OPEN, encode_element
from understudy.formats._split_files import SplitFiles
from understudy.formats.openai_rules import validate_example


class OpenAIArrayWriter:
    """Writes an array file of its own for an export; nothing is in its place before ``finish``."""

    def __init__(self, output: Path, *, max_bytes: int | None = None) -> None:
        self._files = SplitFiles(
            output, max_bytes=max_bytes, head=OPEN, between=BETWEEN, tail=CLOSE
        )
        self.count = 0

    def write(self, example: dict[str, Any]) -> None:
        """Add one example; FormatError when it cannot be written, StorageError as the disk does."""
        self._files.add(encode_element(example))
        self.count += 1

    def finish(self) -> list[Path]:
        """The files, now in their places: ``name.json``, or ``name-00001-of-0000N.json``…"""
        return self._files.finish()

    def leftovers(self, written: list[Path]) -> list[Path]:
        """Files of an earlier export of this name that do not belong to this one."""
        return self._files.leftovers(written)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._files.abandon()


class OpenAIArray:
    """The export format ``openai-array``."""

    suffix = ".json"
    max_bytes: int | None = None

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example)

    def open(self, output: Path, *, max_bytes: int | None) -> OpenAIArrayWriter:
        return OpenAIArrayWriter(output, max_bytes=max_bytes)

    def warnings(self, count: int) -> list[str]:
        """What is odd about an export of ``count`` examples."""
        return ["there is no example in it"] if count == 0 else []
