"""Choosing by trial how a block is coded.

No way is best for all games: drawn screens want a palette, shaded still scenes an XOR against an
earlier image, rendered scenes the difference to the pixel beside, noise nothing at all. So a part
of the block is coded in every way that could suit, and what leaves the least wins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from understudy.session.images.codecs import (
    RAW_CODEC,
    WEBP_MOST_PIXELS_A_SIDE,
    Codec,
    can_encode_webp,
    encode_pixels,
)
from understudy.session.images.layout import Coder, Prediction
from understudy.session.images.palette import Palettiser

Bytes = NDArray[np.uint8]

_SAMPLE_BANDS = 4
_SAMPLE_BYTES = 2 << 20
# Where even the best way leaves more than this share, time spent on compression is wasted.
_HOPELESS = 0.97
# A slower way must leave at most this share of what a quicker one leaves.
_SLOWER_MUST_LEAVE = 0.9
# How many of the predictions that did best are tried again with a slower compressor.
_TRIED_AGAIN = 3
# Where zstd leaves less than this share of the pixels, WebP, which sees single images, does worse.
_WEBP_WORTH_TRYING = 0.15


@dataclass(frozen=True, slots=True)
class Choice:
    """What won a trial."""

    codec: Codec
    compressor: zstandard.ZstdCompressor
    share: float
    """Of the sample's bytes that was left."""


def choose(
    pixels: Bytes,
    palettiser: Palettiser | None,
    compressors: Sequence[zstandard.ZstdCompressor],
    *,
    try_webp: bool,
) -> Choice:
    """The best way for ``pixels`` [n, H, W, C]; ``compressors`` from the quickest to the slowest.

    Without a ``palettiser`` palettes are left out.
    """
    sample = _sample(pixels)
    indexed = palettiser.index(sample) if palettiser is not None else None
    coded = sample if indexed is None else indexed[0]
    rows = 0 if indexed is None else indexed[1].nbytes
    codecs = [
        Codec(indexed is not None, prediction, Coder.ZSTD)
        for prediction in _predictions(len(sample), indexed is not None)
    ]
    best = Choice(RAW_CODEC, compressors[0], 1.0)
    bound = _HOPELESS
    for compressor in compressors:
        sizes = {codec: rows + len(encode_pixels(coded, codec, compressor)) for codec in codecs}
        codecs = sorted(sizes, key=sizes.__getitem__)[:_TRIED_AGAIN]
        share = sizes[codecs[0]] / sample.nbytes
        if share < bound:
            best = Choice(codecs[0], compressor, share)
            bound = share * _SLOWER_MUST_LEAVE
        if best.codec is RAW_CODEC:
            return best
    if try_webp and best.share > _WEBP_WORTH_TRYING and _suits_webp(pixels):
        # One image as it is: the seams between bands would tell against WebP.
        middle = len(pixels) // 2
        image = pixels[middle : middle + 1]
        codec = Codec(False, Prediction.NONE, Coder.WEBP)
        share = len(encode_pixels(image, codec, best.compressor)) / image.nbytes
        if share < bound:
            best = Choice(codec, best.compressor, share)
    return best


def _predictions(images: int, palette: bool) -> list[Prediction]:
    predictions = [Prediction.NONE]
    if images > 1:
        predictions += [Prediction.KEY, Prediction.PREVIOUS]
    if not palette:
        # The distance between two palette indices would mean nothing.
        predictions += [Prediction.LEFT, Prediction.GRADIENT]
    return predictions


def _suits_webp(pixels: Bytes) -> bool:
    sides = pixels.shape[1:3]
    return pixels.shape[3] >= 3 and max(sides) <= WEBP_MOST_PIXELS_A_SIDE and can_encode_webp()


def _sample(pixels: Bytes) -> Bytes:
    """Some bands of rows, spread over the height, of all images.

    All images, because the first one, which nothing foretells, must not weigh more in the sample
    than it will in the block; whole bands, because neighbouring rows foretell each other.
    """
    count, height = pixels.shape[:2]
    affordable = _SAMPLE_BYTES // (count * pixels[0, 0].nbytes)
    rows = max(1, min(affordable, max(_SAMPLE_BANDS * 8, height // 4)))
    if rows >= height:
        return pixels
    bands = min(rows, _SAMPLE_BANDS)
    tops = np.linspace(0, height - rows // bands, bands + 2, dtype=np.int64)[1:-1]
    chosen = (tops[:, None] + np.arange(rows // bands)).ravel()
    return pixels.take(np.unique(chosen), axis=1)
