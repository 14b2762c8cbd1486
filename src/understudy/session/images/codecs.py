"""Encoding one block of equally shaped images, and decoding it image by image.

A codec is a palette or none, a prediction and a coder. Which one suits a block is decided
elsewhere; this module only carries it out.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import zstandard
from numpy.typing import NDArray

from understudy.errors import CorruptionError
from understudy.session.images.layout import HEAD_SIZE, Coder, Prediction, read_head
from understudy.session.images.palette import apply_palette
from understudy.session.images.prediction import predict, restore_in_space, restore_in_time

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Codec:
    """What happens to the pixels of a block, in this order."""

    palette: bool
    prediction: Prediction
    coder: Coder


WEBP_MOST_PIXELS_A_SIDE = 16_383

RAW_CODEC = Codec(False, Prediction.NONE, Coder.RAW)


def encode_pixels(pixels: Bytes, codec: Codec, compressor: zstandard.ZstdCompressor) -> bytes:
    """The coded bytes of ``pixels`` [n, H, W, C] (palette indices where the codec says so)."""
    if codec.coder is Coder.WEBP:
        return _encode_webp(pixels)
    left = predict(pixels, codec.prediction)
    if codec.coder is Coder.RAW:
        return left.tobytes()
    # A flat view: the compressor takes any contiguous buffer but not every number of dimensions.
    return compressor.compress(left.reshape(-1).data)


class DecodedBlock:
    """A block whose bytes are decompressed and whose images are made one by one on demand."""

    def __init__(
        self, payload: bytes, place: str, decompressor: zstandard.ZstdDecompressor
    ) -> None:
        """``place`` names the block in errors. Raises CorruptionError, NewerSchemaError."""
        self.head = read_head(payload, place)
        self._place = place
        head = self.head
        body = memoryview(payload)[HEAD_SIZE:]
        self._rows: Bytes | None = None
        if head.palette_rows:
            rows = np.frombuffer(body[: head.palette_bytes], np.uint8)
            if rows.size != head.palette_bytes:
                raise self._damage()
            self._rows = rows.reshape(head.palette_rows, head.channels)
        coded = body[head.palette_bytes :]
        self._files: list[memoryview] = []
        self._left: Bytes = np.empty(0, np.uint8)
        if head.coder is Coder.WEBP:
            self._files = self._split_files(coded)
            self.nbytes = len(coded)
            return
        expected = int(np.prod(head.coded_shape, dtype=np.int64))
        if head.coder is Coder.ZSTD:
            try:
                if zstandard.frame_content_size(coded) != expected:
                    raise self._damage()
                coded = memoryview(decompressor.decompress(coded))
            except zstandard.ZstdError as error:
                raise self._damage() from error
        if len(coded) != expected:
            raise self._damage()
        left = np.frombuffer(coded, np.uint8).reshape(head.coded_shape)
        self._left = restore_in_time(left, head.prediction)
        self.nbytes = expected

    def image(self, position: int) -> Bytes:
        """A fresh array of the image at ``position`` within the block."""
        head = self.head
        if head.coder is Coder.WEBP:
            pixels = self._decode_webp(self._files[position])
        else:
            pixels = restore_in_space(self._left[position], head.prediction)
            if self._rows is not None:
                try:
                    pixels = apply_palette(pixels, self._rows)
                except IndexError:
                    raise self._damage() from None
            elif pixels.base is not None:
                pixels = pixels.copy()
        return pixels.reshape(head.image_shape)

    def _split_files(self, coded: memoryview) -> list[memoryview]:
        table = struct.Struct(f"<{self.head.count}I")
        if len(coded) < table.size:
            raise self._damage()
        ends = np.cumsum((table.size, *table.unpack_from(coded)))
        if ends[-1] != len(coded):
            raise self._damage()
        return [coded[a:b] for a, b in pairwise(ends)]

    def _decode_webp(self, file: memoryview) -> Bytes:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(file), formats=("WEBP",)) as picture:
                # A file without transparency comes back as RGB whatever it was made from.
                mode = "RGBA" if self.head.channels == 4 else "RGB"
                pixels: Bytes = np.array(picture.convert(mode), np.uint8)
        except (OSError, ValueError) as error:
            raise self._damage() from error
        if pixels.shape != self.head.image_shape:
            raise self._damage()
        return pixels

    def _damage(self) -> CorruptionError:
        return CorruptionError(
            f"{self._place} does not hold the {self.head.count} images its head promises; "
            "run `understudy session verify` to see what else is damaged"
        )


@cache
def can_encode_webp() -> bool:
    """Whether the installed Pillow knows WebP: it may be built without."""
    from PIL import features

    return bool(features.check("webp"))


def _encode_webp(pixels: Bytes) -> bytes:
    from PIL import Image

    files: list[bytes] = []
    for image in pixels:
        buffer = io.BytesIO()
        # "exact" keeps the colours of transparent pixels. Quality and method are effort here.
        Image.fromarray(image).save(buffer, "WEBP", lossless=True, exact=True, quality=20, method=1)
        files.append(buffer.getvalue())
    return struct.pack(f"<{len(files)}I", *map(len, files)) + b"".join(files)
