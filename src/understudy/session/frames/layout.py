"""The fixed schema of frame rows: from NumPy values to packed bytes and to Arrow, and back.

A row is one NumPy structured record. Packing a run of rows XORs each with the row before it and
lays equal byte positions side by side before compressing: values that change slowly become runs
of zeros. On smooth float states this takes a fifth less than compressed Arrow buffers, in the
same time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from understudy.errors import CorruptionError
from understudy.session.migrations import SCHEMA, migrate

Rows = np.ndarray[Any, np.dtype[np.void]]

CLOCK_FIELDS: tuple[tuple[str, str], ...] = (
    ("tick", "<i8"),
    ("mono_ns", "<i8"),
    ("wall_ns", "<i8"),
    ("missed", "<u4"),
    ("image", "<i8"),
    ("present", "<u8"),
)
"""What every row has beside its values: the intended tick, the two clocks, how many frames were
missed (a gap row, which has no values), the image's number or -1, and which values are there."""

CLOCK_NAMES = frozenset(name for name, _ in CLOCK_FIELDS)
MAX_FIELDS = 64
_STAMP = b"understudy.schema"
_LEVEL = 1


@dataclass(frozen=True)
class RowLayout:
    """Names, types and shapes of the values in a row."""

    fields: tuple[tuple[str, str, tuple[int, ...]], ...] = ()
    """(name, NumPy type string, shape)."""

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        return np.dtype([*CLOCK_FIELDS, *self.fields])

    @cached_property
    def bits(self) -> dict[str, int]:
        """Name → its bit in ``present``."""
        return {name: 1 << place for place, (name, _, _) in enumerate(self.fields)}

    def with_field(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> RowLayout:
        """This layout with a field added, or its type replaced in place."""
        field = (name, dtype.newbyteorder("<").str, shape)
        if name in self.bits:
            return RowLayout(tuple(field if known[0] == name else known for known in self.fields))
        return RowLayout((*self.fields, field))

    def to_json(self) -> bytes:
        return json.dumps({"schema": SCHEMA, "fields": self.fields}).encode()

    @classmethod
    def from_json(cls, data: bytes) -> RowLayout:
        """A layout as a frames file holds it; NewerSchemaError for one of a later version."""
        fields = migrate(json.loads(data), what="the layout of these frames")["fields"]
        return cls(tuple((name, kind, tuple(shape)) for name, kind, shape in fields))

    def pack(self, rows: Rows) -> bytes:
        """Compressed bytes of contiguous ``rows``."""
        size = self.dtype.itemsize
        matrix = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), size)
        mixed = matrix.copy()
        mixed[1:] ^= matrix[:-1]
        columns = np.ascontiguousarray(mixed.T)
        return zstandard.ZstdCompressor(level=_LEVEL).compress(columns.data)

    def unpack(self, data: bytes, count: int) -> Rows:
        """The ``count`` rows that ``pack`` made ``data`` from."""
        size = self.dtype.itemsize
        try:
            plain = zstandard.ZstdDecompressor().decompress(data, max_output_size=count * size)
            columns = np.frombuffer(plain, np.uint8).reshape(size, count)
        except (zstandard.ZstdError, ValueError) as error:
            raise CorruptionError(f"a block of frames cannot be unpacked: {error}") from error
        mixed = np.array(columns.T, order="C")
        # Row by row this is ten times as fast as ``accumulate``, which goes byte by byte.
        before = mixed[0]
        for row in mixed[1:]:
            np.bitwise_xor(row, before, out=row)
            before = row
        return mixed.reshape(-1).view(self.dtype)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        columns = [
            pa.field("tick", pa.int64()),
            pa.field("mono_ns", pa.int64()),
            pa.field("wall_ns", pa.int64()),
            pa.field("missed", pa.uint32()),
            pa.field("image", pa.int64()),
        ]
        for name, kind, shape in self.fields:
            columns.append(pa.field(name, _arrow_type(np.dtype(kind), shape)))
        return pa.schema(columns)

    def to_arrow(self, rows: Rows) -> pa.RecordBatch:
        """``rows`` as Arrow columns; values that are not there (gap rows among them) are null."""
        columns = [pa.array(rows[name]) for name in ("tick", "mono_ns", "wall_ns", "missed")]
        image = rows["image"]
        columns.append(pa.array(image, mask=image < 0))
        present = rows["present"]
        for name, kind, shape in self.fields:
            absent = (present & np.uint64(self.bits[name])) == 0
            columns.append(_arrow_values(rows[name], np.dtype(kind), shape, absent))
        return pa.RecordBatch.from_arrays(columns, schema=self.arrow_schema)


def stamped(schema: pa.Schema) -> pa.Schema:
    """``schema`` with the version that this code writes, for a file of its own."""
    return schema.with_metadata({_STAMP: str(SCHEMA).encode()})


def check_stamp(schema: pa.Schema, path: Path) -> None:
    """NewerSchemaError when the file at ``path`` was written by a later version."""
    version = (schema.metadata or {}).get(_STAMP, b"1")
    migrate({"schema": int(version) if version.isdigit() else version.decode()}, what=str(path))


def union_schema(layouts: list[RowLayout]) -> pa.Schema:
    """One Arrow schema that holds the rows of all ``layouts``: the widest type of each name."""
    merged = RowLayout()
    for layout in layouts:
        for name, kind, shape in layout.fields:
            known = {field[0]: np.dtype(field[1]) for field in merged.fields}
            widest = np.promote_types(known[name], kind) if name in known else np.dtype(kind)
            merged = merged.with_field(name, widest, shape)
    return merged.arrow_schema


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """``batch`` cast to ``schema``, with nulls for columns that it does not have."""
    if batch.schema.equals(schema):
        return batch
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in batch.schema.names
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _arrow_type(dtype: np.dtype[Any], shape: tuple[int, ...]) -> pa.DataType:
    kind = pa.from_numpy_dtype(dtype)
    for length in reversed(shape):
        kind = pa.list_(kind, length)
    return kind


def _arrow_values(
    values: np.ndarray[Any, Any],
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    absent: np.ndarray[Any, np.dtype[np.bool_]],
) -> pa.Array:
    if not shape:
        return pa.array(np.ascontiguousarray(values), mask=absent)
    column = pa.array(np.ascontiguousarray(values).reshape(-1))
    for place, length in enumerate(reversed(shape)):
        outermost = place == len(shape) - 1
        mask = pa.array(absent) if outermost and absent.any() else None
        column = pa.FixedSizeListArray.from_arrays(column, length, mask=mask)
    return column
