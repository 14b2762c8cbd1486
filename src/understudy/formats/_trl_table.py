"""A Parquet file as TRL's trainers take it: columns of messages, the pictures in one of their own,
and the tools.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from understudy.formats._trl_messages import openai_message, trl_message
from understudy.formats._turns import Turn
from understudy.formats.pictures import data_url


def features_of(columns: Sequence[str], **more: Any) -> dict[str, Any]:
    """The declared features of a file with these columns of messages, and others by name."""
    messages = {column: list_of(JSON) for column in columns}
    return {**messages, **more, "images": list_of(IMAGE), "tools": list_of(JSON)}


class TrlTable:
    """Writes rows with these features; see `ParquetFile`."""

    def __init__(self, output: Path, features: dict[str, Any]) -> None:
        self.lost: Counter[str] = Counter()
        self._file = ParquetFile(output, features)

    @property
    def count(self) -> int:
        return self._file.count

    def add(
        self,
        columns: Sequence[Sequence[Turn]],
        tools: Sequence[dict[str, Any]] | None,
        lost: Counter[str],
        *more: Any,
    ) -> None:
        """Add a row: the messages of each column, other values, tools, and what was lost of it."""
        told = [[json_value(trl_message(turn)) for turn in turns] for turns in columns]
        pictures = [picture for turns in columns for turn in turns for picture in turn.pictures]
        said = None if tools is None else [json_value(tool) for tool in tools]
        texts = sum(len(text) for found in (*told, said or ()) for text in found)
        values = [*told, *more, [image_value(png) for png in pictures], said]
        self._file.add(values, texts + sum(map(len, pictures)))
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


class TrlRow:
    """One row that was read, taken apart into OpenAI's shape."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._pictures = [data_url(image["bytes"]) for image in values["images"] or ()]

    def messages(self, column: str) -> list[dict[str, Any]]:
        """Those of a column; pictures are handed out in the order in which this is called."""
        decoded = [decode_element(text.encode()) for text in self._values[column]]
        return [openai_message(message, self._pictures) for message in decoded]

    @property
    def tools(self) -> list[dict[str, Any]] | None:
        tools = self._values["tools"]
        return None if tools is None else [decode_element(text.encode()) for text in tools]

    def __getitem__(self, column: str) -> Any:
        return self._values[column]

    def check_pictures(self) -> None:
        """ValueError when there are more pictures than places for them."""
        if self._pictures:
            raise ValueError(f"{len(self._pictures)} more pictures than places for them")


def read_trl_rows(
    path: Path, columns: Sequence[str], made: Callable[[TrlRow], Any], what: str
) -> Iterator[Any]:
    """What ``made`` makes of each row, few in memory at a time.

    Raises StorageError when the file cannot be read, FormatError naming the row that is no
    ``what``.
    """
    for number, values in enumerate(read_table_rows(path, columns), start=1):
        try:
            row = TrlRow(values)
            found = made(row)
            row.check_pictures()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise FormatError(
                f"it is no {what} ({error})", path=path, position=f"row {number}"
            ) from error
        yield found
