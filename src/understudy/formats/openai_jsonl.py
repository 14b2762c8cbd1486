"""OpenAI's fine-tuning JSONL: one example a line, read with every bad line reported, and written.

What makes an example a good one stands in `openai_rules`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import StorageError
from understudy.formats._array_layout import decode_element, encode_compact
from understudy.formats._array_scan import BOM
from understudy.formats._split_files import ExampleWriter, SplitFiles
from understudy.formats.openai_rules import validate_example

__all__ = [
    "FEWEST_EXAMPLES",
    "LARGEST_FILE",
    "BadLine",
    "OpenAIJsonl",
    "read_examples",
    "validate_example",
]

LARGEST_FILE = 512 * 1024 * 1024
"""Bytes that OpenAI takes in one file."""
FEWEST_EXAMPLES = 10
_LONGEST_LINE = 1 << 28

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that `read_examples` passed over."""

    line: int
    """From 1."""
    reason: str


def read_examples(
    path: Path | str, *, report: Callable[[BadLine], None] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The good examples of a JSONL file with their line numbers, one in memory at a time.

    Lines that are no JSON or break the format's rules go to ``report`` (else to the log) and are
    passed over; empty lines are ignored. Raises StorageError when the file cannot be read.
    """
    path = Path(path)
    skip = report or (lambda bad: _log.warning("%s, line %d: %s", path, bad.line, bad.reason))
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                if number == 1:
                    line = line.removeprefix(BOM)
                if not line.strip():
                    continue
                try:
                    example = decode_element(line)
                except ValueError as error:
                    skip(BadLine(number, f"it is not JSON: {error}"))
                    continue
                reasons = validate_example(example)
                if reasons:
                    skip(BadLine(number, "; ".join(reasons)))
                else:
                    yield number, example
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{path} cannot be read ({reason}); check the name and its permissions"
        ) from error


def _lines(file: Any) -> Iterator[bytes]:
    """Lines of at most 256 MB: a file without line ends is no reason to fill the memory."""
    while line := file.readline(_LONGEST_LINE):
        yield line


def _encode_line(example: dict[str, Any]) -> bytes:
    return encode_compact(example) + b"\n"


class OpenAIJsonl:
    """The export format ``openai``."""

    suffix = ".jsonl"
    max_bytes: int | None = LARGEST_FILE

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example)

    def open(self, output: Path, *, max_bytes: int | None) -> ExampleWriter:
        return ExampleWriter(SplitFiles(output, max_bytes=max_bytes), _encode_line)

    def warnings(self, count: int) -> list[str]:
        """What is odd about an export of ``count`` examples."""
        if 0 < count < FEWEST_EXAMPLES:
            return [
                f"OpenAI takes at least {FEWEST_EXAMPLES} examples in a file; there are {count}"
            ]
        return []
