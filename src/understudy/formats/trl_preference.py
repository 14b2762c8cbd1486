"""TRL's preferences, in Parquet: a prompt with the answer that was chosen and the one that was not.

`DPOTrainer` takes it as it is loaded. Each of the three columns is a list of messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from understudy.formats._trl_table import TrlRow, TrlTable, features_of, read_trl_rows
from understudy.formats._turns import turns_of
from understudy.formats.hf_parquet import refuse_splitting
from understudy.formats.preferences import Preference, validate_preference

FEATURES = features_of(["prompt", "chosen", "rejected"])


class TrlPreferenceWriter(TrlTable):
    """Writes preferences as rows of this form."""

    def __init__(self, output: Path) -> None:
        super().__init__(output, FEATURES)

    def write(self, example: Preference) -> None:
        """Add one; FormatError when it cannot be said, StorageError as the disk does."""
        lost: Counter[str] = Counter()
        if example.parallel_tool_calls is not None:
            lost["parallel_tool_calls"] += 1
        turns = turns_of({"messages": [*example.prompt, example.chosen]}, lost)
        worse = turns_of({"messages": [*example.prompt, example.rejected]}, Counter())[-1:]
        self.add([turns[:-1], turns[-1:], worse], example.tools, lost)


def read_preferences(path: Path) -> Iterator[Preference]:
    """The preferences of such a file, few in memory at a time.

    Raises StorageError when it cannot be read, FormatError naming the row when it is no such file.
    """
    yield from read_trl_rows(path, tuple(FEATURES), _preference, "preference")


def _preference(row: TrlRow) -> Preference:
    prompt = row.messages("prompt")
    [chosen], [rejected] = row.messages("chosen"), row.messages("rejected")
    return Preference(prompt=prompt, chosen=chosen, rejected=rejected, tools=row.tools)


class TrlPreference:
    """The export format ``trl-preference``."""

    suffix = ".parquet"
    max_bytes: int | None = None
    takes = "preference"

    def validate(self, example: Preference) -> list[str]:
        return validate_preference(example, bare_results=True)

    def open(self, output: Path, *, max_bytes: int | None) -> TrlPreferenceWriter:
        refuse_splitting(max_bytes)
        return TrlPreferenceWriter(output)

    def warnings(self, count: int) -> list[str]:
        """Nothing is odd about however many."""
        return []
