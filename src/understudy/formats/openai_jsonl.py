"""OpenAI's fine-tuning JSONL: one example a line, read with every bad line reported, and written.

What makes an example a good one stands in `openai_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.formats._array_layout import encode_compact
from understudy.formats._json_lines import BadLine, Report, read_json_lines
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


def read_examples(
    path: Path | str, *, report: Report | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The good examples of a JSONL file with their line numbers, one in memory at a time.

    Lines that are no JSON or break the format's rules go to ``report`` (else to the log) and are
    passed over; empty lines are ignored. Raises StorageError when the file cannot be read.
    """
    yield from read_json_lines(path, validate_example, report=report)


def too_few(count: int) -> list[str]:
    """The warning about fewer examples than OpenAI takes; none where there is no reason for it."""
    if 0 < count < FEWEST_EXAMPLES:
        return [f"OpenAI takes at least {FEWEST_EXAMPLES} examples in a file; there are {count}"]
    return []


def _encode_line(example: dict[str, Any]) -> bytes:
    return encode_compact(example) + b"\n"


class OpenAIJsonl:
    """The export format ``openai``."""

    suffix = ".jsonl"
    max_bytes: int | None = LARGEST_FILE
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example)

    def open(self, output: Path, *, max_bytes: int | None) -> ExampleWriter:
        return ExampleWriter(SplitFiles(output, max_bytes=max_bytes), _encode_line)

    def warnings(self, count: int) -> list[str]:
        """What is odd about an export of ``count`` examples."""
        return too_few(count)
