"""Undoing content encodings of a captured copy; the bytes that were passed on stay as they were."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from understudy.errors import CaptureError

LARGEST_BODY = 256 * 1024 * 1024
"""Bytes after decompression; a small body can unpack to anything."""
_SLICE = 1024


class _Unpacker(Protocol):
    def __call__(self, data: bytes, /) -> bytes: ...


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """``chunks`` with their ``Content-Encoding`` undone, each as far as it goes.

    CaptureError for an encoding that cannot be undone here, broken data, or a body that unpacks
    to more than ``LARGEST_BODY``. A stream that was cut off is no error.
    """
    steps = [part.strip().lower() for part in encoding.split(",")]
    unpackers = [_unpacker(step) for step in reversed(steps) if step not in ("", "identity")]
    total = 0
    for chunk in chunks:
        for unpack in unpackers:
            try:
                chunk = unpack(chunk)
            except Exception as error:  # each library has its own
                raise CaptureError(
                    f"A body said to be {encoding!r} cannot be unpacked: {error}."
                ) from error
        total += len(chunk)
        if total > LARGEST_BODY:
            raise CaptureError(f"A body unpacks to more than {LARGEST_BODY} bytes; it is not kept.")
        if chunk:
            yield chunk


def _unpacker(name: str) -> _Unpacker:
    if name in ("gzip", "x-gzip"):
        return _zlib(31)
    if name == "deflate":
        return _Deflate()
    if name == "zstd":
        zstd: Any = importlib.import_module("zstandard").ZstdDecompressor().decompressobj()
        return _Bounded(zstd.decompress)
    if name == "br":
        for library in ("brotli", "brotlicffi"):
            try:
                brotli: Any = importlib.import_module(library).Decompressor()
            except ImportError:
                continue
            return _Bounded(getattr(brotli, "process", None) or brotli.decompress)
    raise CaptureError(f"A body with the encoding {name!r} was passed on but cannot be read here.")


def _zlib(wbits: int) -> _Unpacker:
    unpacker = zlib.decompressobj(wbits)

    def unpack(data: bytes, /) -> bytes:
        return unpacker.decompress(data, LARGEST_BODY + 1)

    return unpack


class _Deflate:
    """What servers call deflate is zlib's format by the standard and raw deflate by habit."""

    def __init__(self) -> None:
        self._unpack: _Unpacker | None = None

    def __call__(self, data: bytes, /) -> bytes:
        if self._unpack is None and data:
            self._unpack = _zlib(15 if data[0] & 0x0F == 8 else -15)
        return self._unpack(data) if self._unpack is not None else b""


class _Bounded:
    """For libraries that cannot be told when to stop: they get little at a time."""

    def __init__(self, unpack: Callable[[bytes], bytes]) -> None:
        self._unpack = unpack

    def __call__(self, data: bytes, /) -> bytes:
        out = bytearray()
        for start in range(0, len(data), _SLICE):
            out += self._unpack(data[start : start + _SLICE])
            if len(out) > LARGEST_BODY:
                break
        return bytes(out)
