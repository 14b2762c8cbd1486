"""What a block of images says of itself: the head in front of the coded pixels.

A payload is ``head | palette rows | coded pixels``. The head carries the index of its first image
and a checksum of its own, so that a file can be opened by reading heads alone and a damaged block
costs only the images in it.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from understudy.errors import CorruptionError, NewerSchemaError

LAYOUT_VERSION = 1
IMAGE_BLOCK_KIND = 1

# version, palette rows, prediction, coder, channels, first, count, height, width
_FIELDS = struct.Struct("<BBBBBQIII")
_CHECK = struct.Struct("<I")
HEAD_SIZE = _FIELDS.size + _CHECK.size


class Prediction(IntEnum):
    """What is subtracted from the pixels before they are compressed."""

    NONE = 0
    KEY = 1
    """XOR with the first image of the block: still scenes."""
    PREVIOUS = 2
    """XOR with the image before: slowly changing scenes."""
    LEFT = 3
    """Minus the pixel to the left: shaded pictures."""
    GRADIENT = 4
    """Minus left + above - above left: photographs, gradients."""


class Coder(IntEnum):
    """How the pixels, after prediction, are turned into bytes."""

    RAW = 0
    ZSTD = 1
    WEBP = 2
    """Each image a lossless WebP file of its own, behind a table of their lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The facts of one block; ``channels`` 0 means images of shape [height, width]."""

    first: int
    """Index of the first image in the block, counted over the file."""
    count: int
    height: int
    width: int
    channels: int
    palette_rows: int
    """Different pixel values when the coded pixels are palette indices from 1 on; else 0."""
    prediction: Prediction
    coder: Coder

    @property
    def image_shape(self) -> tuple[int, ...]:
        plane = (self.height, self.width)
        return (*plane, self.channels) if self.channels else plane

    @property
    def palette_bytes(self) -> int:
        return self.palette_rows * self.channels

    @property
    def coded_shape(self) -> tuple[int, int, int, int]:
        """Shape of the bytes that were compressed."""
        depth = 1 if self.palette_rows else max(self.channels, 1)
        return (self.count, self.height, self.width, depth)

    def pack(self) -> bytes:
        fields = _FIELDS.pack(
            LAYOUT_VERSION,
            self.palette_rows,
            self.prediction,
            self.coder,
            self.channels,
            self.first,
            self.count,
            self.height,
            self.width,
        )
        return fields + _CHECK.pack(zlib.crc32(fields))


def read_head(data: bytes | memoryview, place: str) -> Head:
    """The head at the beginning of ``data``; ``place`` names the block in errors.

    Raises CorruptionError when it is damaged, NewerSchemaError when its layout is not known.
    """
    fields = bytes(data[: _FIELDS.size])
    if len(data) < HEAD_SIZE or zlib.crc32(fields) != _CHECK.unpack_from(data, _FIELDS.size)[0]:
        raise CorruptionError(
            f"the head of {place} is damaged; run `understudy session verify` to see what else is"
        )
    version, rows, prediction, coder, channels, first, count, height, width = _FIELDS.unpack(fields)
    if version > LAYOUT_VERSION:
        raise NewerSchemaError(
            f"{place} has image layout {version} and this Understudy knows up to "
            f"{LAYOUT_VERSION}: update Understudy to read it"
        )
    return Head(
        first=first,
        count=count,
        height=height,
        width=width,
        channels=channels,
        palette_rows=rows,
        prediction=Prediction(prediction),
        coder=Coder(coder),
    )
