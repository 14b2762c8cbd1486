"""Parquet as Hugging Face's ``datasets`` reads it: declared features, rows in groups, put in place
whole.

A feature is given as ``datasets`` writes it into the file's metadata; the Arrow type follows from
it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from understudy.errors import FormatError, StorageError
from understudy.formats._array_layout import encode_compact
from understudy.formats._json_lines import unreadable
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder

Feature = dict[str, Any]

TEXT: Feature = {"dtype": "string", "_type": "Value"}
WHOLE: Feature = {"dtype": "int64", "_type": "Value"}
NUMBER: Feature = {"dtype": "float64", "_type": "Value"}
YES_NO: Feature = {"dtype": "bool", "_type": "Value"}
IMAGE: Feature = {"_type": "Image"}
JSON: Feature = {"_type": "Json"}

_VALUES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
_PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_GROUP_ROWS = 1_000
_GROUP_BYTES = 16_000_000
_READ_ROWS = 256
_INT64 = range(-(2**63), 2**63)


def list_of(feature: Feature) -> Feature:
    return {"feature": feature, "_type": "List"}


def image_value(png: bytes | None, path: str | None = None) -> dict[str, Any] | None:
    """A picture as the feature ``Image`` stores it."""
    return None if png is None else {"bytes": png, "path": path}


def json_value(value: Any) -> str:
    """``value`` as the feature ``Json`` stores it; FormatError when its readers could not take it.

    They know whole numbers of 64 bits, and text that is valid Unicode.
    """
    if _has_large_number(value):
        raise FormatError("it holds a whole number of more than 64 bits")
    return encode_compact(value).decode()


def _has_large_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_large_number, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_large_number, value))
    return isinstance(value, int) and value not in _INT64


class ParquetFile:
    """Writes one file; nothing is in its place before ``finish``. Errors are StorageError."""

    def __init__(self, output: Path, features: dict[str, Feature]) -> None:
        if output.is_dir():
            raise StorageError(f"{output} is a folder; name the file that is to be written")
        self.count = 0
        self._output = output
        self._schema = schema_of(features)
        self._columns: list[list[Any]] = [[] for _ in features]
        self._size = 0
        self._partial = output.with_name(f".{output.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")
        self._writer: pq.ParquetWriter | None = None

    def add(self, values: Sequence[Any], size: int) -> None:
        """Take one row, its values in the order of the features and about ``size`` bytes large."""
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        self.count += 1
        self._size += size
        if len(self._columns[0]) >= _GROUP_ROWS or self._size >= _GROUP_BYTES:
            self._write_group()

    def finish(self) -> Path:
        """Put the file in its place; return where it lies."""
        self._write_group()
        with self._refusals():
            if self._writer is not None:
                self._writer.close()
                self._writer = None
            with open(self._partial, "rb+") as file:
                os.fsync(file.fileno())
            self._partial.replace(self._output)
            sync_folder(self._output.parent)
        return self._output

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer = None
        with contextlib.suppress(OSError):
            self._partial.unlink()

    def _write_group(self) -> None:
        with self._refusals():
            if self._writer is None:
                self._output.parent.mkdir(parents=True, exist_ok=True)
                self._writer = pq.ParquetWriter(
                    self._partial, self._schema, compression=_compression(self._schema)
                )
            if self._columns[0]:
                arrays = [
                    _array(column, field.type)
                    for column, field in zip(self._columns, self._schema, strict=True)
                ]
                batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
                self._writer.write_batch(batch, row_group_size=_GROUP_ROWS)
        for column in self._columns:
            column.clear()
        self._size = 0

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abandon()
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"{self._output} cannot be written ({reason}); check its folder, the permissions "
                "and the free space"
            ) from error


def schema_of(features: dict[str, Feature]) -> pa.Schema:
    """The Arrow schema, with the features in the metadata where ``datasets`` looks for them."""
    said = json.dumps({"info": {"features": features}})
    fields = [(name, _type_of(feature)) for name, feature in features.items()]
    return pa.schema(fields, metadata={"huggingface": said})


def read_table_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file as dictionaries, few in memory at a time.

    Raises StorageError when it cannot be read and FormatError when it is no Parquet file or lacks
    one of ``columns``.
    """
    try:
        with pq.ParquetFile(path) as file:
            there = set(file.schema_arrow.names)
            missing = [name for name in columns or () if name not in there]
            if missing:
                raise FormatError(f"the columns {', '.join(missing)} are not there", path=path)
            for batch in file.iter_batches(_READ_ROWS, columns=list(columns) if columns else None):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise FormatError(f"it cannot be read as Parquet: {error}", path=path) from error
    except OSError as error:
        raise unreadable(path, error) from error


def check_text(*texts: str | None) -> None:
    """FormatError for text that Parquet cannot hold: half of a character's two halves."""
    for text in texts:
        if text and not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise FormatError("it holds text that is no valid Unicode") from None


def _type_of(feature: Feature) -> pa.DataType:
    kind = feature["_type"]
    if kind == "List":
        return pa.list_(_type_of(feature["feature"]))
    if kind == "Image":
        return _PICTURE
    if kind == "Json":
        return pa.json_(pa.string())
    return _VALUES[feature["dtype"]]


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_list(kind) and isinstance(kind.value_type, pa.JsonType):
        return pa.array(values, pa.list_(pa.string())).cast(kind)
    return pa.array(values, kind)


def _compression(schema: pa.Schema) -> dict[str, str]:
    """PNG is compressed already; the rest is text that shrinks well."""
    return {
        path: "NONE" if path.endswith(".bytes") else "ZSTD"
        for field in schema
        for path in _leaves(field.name, field.type)
    }


def _leaves(path: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    else:
        yield path
