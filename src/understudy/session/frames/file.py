"""The frames track on disk while a session is played: ``frames.blocks``.

Two kinds of block: a layout, and rows of the layout that came last. Both are whole or not there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from understudy.errors import CorruptionError
from understudy.session.frames.layout import RowLayout, Rows, conform, union_schema
from understudy.store.blocks import BlockWriter, iterate_payloads, read_block, scan_blocks

LAYOUT_BLOCK = 1
ROWS_BLOCK = 2
_ROWS_HEAD = struct.Struct("<QI")
"""Number of the first row in the session, count of rows."""


class FrameFileWriter:
    """Appends rows to ``frames.blocks``. Raises OSError as the disk does; nothing torn stays."""

    def __init__(self, path: Path) -> None:
        self._blocks = BlockWriter(path)
        self._layout: RowLayout | None = None
        self.rows_written = 0

    @property
    def bytes_written(self) -> int:
        return self._blocks.size

    def write(self, layout: RowLayout, rows: Rows) -> None:
        if layout is not self._layout:
            self._blocks.append(layout.to_json(), LAYOUT_BLOCK)
            self._layout = layout
        head = _ROWS_HEAD.pack(self.rows_written, len(rows))
        self._blocks.append(head + layout.pack(rows), ROWS_BLOCK)
        self.rows_written += len(rows)

    def sync(self) -> None:
        self._blocks.sync()

    def close(self) -> None:
        self._blocks.close()


def iterate_rows(path: Path) -> Iterator[tuple[RowLayout, Rows]]:
    """The rows of every whole block of a frames file, one block in memory at a time."""
    layout: RowLayout | None = None
    expected = 0
    for block, payload in iterate_payloads(path):
        if block.kind == LAYOUT_BLOCK:
            layout = RowLayout.from_json(payload)
            continue
        if layout is None:
            raise CorruptionError(f"{path} has rows before any layout; it is not a frames file")
        first, count = _ROWS_HEAD.unpack_from(payload)
        if first != expected:
            raise CorruptionError(
                f"{path} goes from row {expected} to row {first}: a block is missing"
            )
        expected = first + count
        yield layout, layout.unpack(payload[_ROWS_HEAD.size :], count)


def layouts_of(path: Path) -> list[RowLayout]:
    """All layouts that occur in a frames file; reads no rows."""
    layouts = [
        block for block in scan_blocks(path, check=False).blocks if block.kind == LAYOUT_BLOCK
    ]
    with open(path, "rb") as file:
        return [RowLayout.from_json(read_block(file, block, path)) for block in layouts]


def iterate_batches(
    path: Path, image_remap: np.ndarray[Any, Any] | None = None
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The file's rows as Arrow batches of one schema; ``image_remap`` renumbers their images."""
    schema = union_schema(layouts_of(path))

    def batches() -> Iterator[pa.RecordBatch]:
        for layout, rows in iterate_rows(path):
            if image_remap is not None:
                shown = rows["image"] >= 0
                rows["image"][shown] = image_remap[rows["image"][shown]]
            yield conform(layout.to_arrow(rows), schema)

    return schema, batches()


def iterate_row_counts(path: Path) -> Iterator[int]:
    """How many rows each block holds, gap rows included; unpacks none of them."""
    with open(path, "rb") as file:
        for block in scan_blocks(path, check=False).blocks:
            if block.kind == ROWS_BLOCK:
                file.seek(block.offset)
                yield _ROWS_HEAD.unpack(file.read(_ROWS_HEAD.size))[1]
