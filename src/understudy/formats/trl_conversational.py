"""TRL's conversational form with images, in Parquet: what `datasets` loads and its trainers take.

``messages`` holds the turns, with ``{"type": "image"}`` where a picture of the column ``images``
belongs; arguments of tool calls are objects, and ``tools`` are JSON schemas.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.formats._trl_table import TrlRow, TrlTable, features_of, read_trl_rows
from understudy.formats._turns import turns_of
from understudy.formats.hf_parquet import refuse_splitting
from understudy.formats.openai_rules import validate_example

FEATURES = features_of(["messages"])


class TrlWriter(TrlTable):
    """Writes chats in OpenAI's shape as rows of this form."""

    def __init__(self, output: Path) -> None:
        super().__init__(output, FEATURES)

    def write(self, example: dict[str, Any]) -> None:
        """Add one example; FormatError when it cannot be said, StorageError as the disk does."""
        lost: Counter[str] = Counter()
        self.add([turns_of(example, lost)], example.get("tools"), lost)


def read_conversations(path: Path) -> Iterator[dict[str, Any]]:
    """The examples of such a file in OpenAI's shape, few in memory at a time.

    Raises StorageError when it cannot be read, FormatError naming the row when it is no such file.
    """
    yield from read_trl_rows(path, tuple(FEATURES), _example, "conversation")


def _example(row: TrlRow) -> dict[str, Any]:
    example: dict[str, Any] = {"messages": row.messages("messages")}
    if row.tools is not None:
        example["tools"] = row.tools
    return example


class TrlConversational:
    """The export format ``trl``."""

    suffix = ".parquet"
    max_bytes: int | None = None
    takes = "chat"

    def validate(self, example: dict[str, Any]) -> list[str]:
        return validate_example(example, bare_results=True)

    def open(self, output: Path, *, max_bytes: int | None) -> TrlWriter:
        refuse_splitting(max_bytes)
        return TrlWriter(output)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
