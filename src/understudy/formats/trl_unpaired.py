"""TRL's unpaired preferences, in Parquet: a prompt, one answer, and whether that is a good one.

`KTOTrainer` takes it as it is loaded; it wants some of both labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from understudy.formats._parquet_file import YES_NO
from understudy.formats._trl_table import TrlRow, TrlTable, features_of, read_trl_rows
from understudy.formats._turns import turns_of
from understudy.formats.hf_parquet import refuse_splitting
from understudy.formats.preferences import Judgement, validate_judgement

FEATURES = features_of(["prompt", "completion"], label=YES_NO)


class TrlUnpairedWriter(TrlTable):
    """Writes judgements as rows of this form."""

    def __init__(self, output: Path) -> None:
        super().__init__(output, FEATURES)

    def write(self, example: Judgement) -> None:
        """Add one; FormatError when it cannot be said, StorageError as the disk does."""
        lost: Counter[str] = Counter()
        turns = turns_of({"messages": [*example.prompt, example.completion]}, lost)
        self.add([turns[:-1], turns[-1:]], example.tools, lost, example.label)


def read_judgements(path: Path) -> Iterator[Judgement]:
    """The judgements of such a file, few in memory at a time.

    Raises StorageError when it cannot be read, FormatError naming the row when it is no such file.
    """
    yield from read_trl_rows(path, tuple(FEATURES), _judgement, "judgement")


def _judgement(row: TrlRow) -> Judgement:
    prompt = row.messages("prompt")
    [completion] = row.messages("completion")
    if not isinstance(row["label"], bool):
        raise TypeError("its label is neither true nor false")
    return Judgement(prompt=prompt, completion=completion, label=row["label"], tools=row.tools)


class TrlUnpaired:
    """The export format ``trl-unpaired``."""

    suffix = ".parquet"
    max_bytes: int | None = None
    takes = "judgement"

    def validate(self, example: Judgement) -> list[str]:
        return validate_judgement(example, bare_results=True)

    def open(self, output: Path, *, max_bytes: int | None) -> TrlUnpairedWriter:
        refuse_splitting(max_bytes)
        return TrlUnpairedWriter(output)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
