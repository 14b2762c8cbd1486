"""Coding one run of images after another, in a way that is looked for now and then.

The way that won a trial is kept for some blocks, since games change slowly, and given up at once
when a block turns out much larger than promised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import zstandard
from numpy.typing import NDArray

from understudy.session.images.codecs import encode_pixels
from understudy.session.images.layout import Coder, Head, Prediction
from understudy.session.images.palette import Palettiser
from understudy.session.images.trial import Choice, choose

Bytes = NDArray[np.uint8]

_DISAPPOINTMENT = 1.5


def _level(level: int) -> zstandard.ZstdCompressor:
    # The window must reach back over some large images to the same place in an earlier one.
    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(level, window_log=24)
    )


def _optimal_parsing() -> zstandard.ZstdCompressor:
    # With a very short search: on drawn screens a fifth smaller than level 12 at four times its
    # time, where level 17 would take twenty times for a tenth more.
    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(
            window_log=24,
            chain_log=20,
            hash_log=18,
            search_log=1,
            min_match=6,
            target_length=48,
            strategy=zstandard.STRATEGY_BTOPT,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much time and memory a block may cost."""

    images: int
    """Most images in a block."""
    raw_bytes: int
    """Most bytes of pixels in a block, unless a single image has more."""
    blocks_per_trial: int
    compressors: tuple[Callable[[], zstandard.ZstdCompressor], ...]
    """Makers of those that are tried, from the quickest to the slowest."""
    try_webp: bool

    def block_capacity(self, image_bytes: int) -> int:
        """How many images of ``image_bytes`` each belong in one block."""
        return max(1, min(self.images, self.raw_bytes // image_bytes))


RECORDING = Effort(
    images=64,
    raw_bytes=16 << 20,
    blocks_per_trial=8,
    compressors=(partial(_level, 1), partial(_level, 3)),
    try_webp=False,
)
SEALING = Effort(
    images=128,
    raw_bytes=32 << 20,
    blocks_per_trial=8,
    compressors=(partial(_level, 1), partial(_level, 3), _optimal_parsing),
    try_webp=True,
)


class BlockEncoder:
    """Turns runs of equally shaped images into block payloads. For one thread at a time."""

    def __init__(self, effort: Effort) -> None:
        self._effort = effort
        self._compressors = [make() for make in effort.compressors]
        self._palettiser = Palettiser()
        self._choice: Choice | None = None
        self._shape: tuple[int, ...] = ()
        self._blocks_until_trial = 0

    def encode(self, images: Bytes, first: int) -> bytes:
        """The payload of ``images`` [n, H, W] or [n, H, W, C]; the first has index ``first``."""
        count, height, width = images.shape[:3]
        channels = images.shape[3] if images.ndim == 4 else 0
        pixels = np.ascontiguousarray(images).reshape(count, height, width, max(channels, 1))
        choice = self._choice
        if choice is None or self._blocks_until_trial <= 0 or images.shape[1:] != self._shape:
            choice = self._try(pixels, self._palettiser)
            self._shape = images.shape[1:]
        indexed = self._palettiser.index(pixels) if choice.codec.palette else None
        if choice.codec.palette and indexed is None:
            # The sample had few enough colours, the block has not.
            choice = self._try(pixels, None)
        coded, rows = (pixels, b"") if indexed is None else (indexed[0], indexed[1].tobytes())
        body = encode_pixels(coded, choice.codec, choice.compressor)
        head = Head(
            first=first,
            count=count,
            height=height,
            width=width,
            channels=channels,
            palette_rows=0 if indexed is None else len(indexed[1]),
            prediction=choice.codec.prediction,
            coder=choice.codec.coder,
        )
        share = (len(rows) + len(body)) / pixels.nbytes
        self._blocks_until_trial -= 1
        if share > choice.share * _DISAPPOINTMENT:
            self._blocks_until_trial = 0
        if share >= 1:
            head = replace(head, palette_rows=0, prediction=Prediction.NONE, coder=Coder.RAW)
            rows, body = b"", pixels.tobytes()
        return b"".join((head.pack(), rows, body))

    def _try(self, pixels: Bytes, palettiser: Palettiser | None) -> Choice:
        choice = choose(pixels, palettiser, self._compressors, try_webp=self._effort.try_webp)
        self._choice = choice
        self._blocks_until_trial = self._effort.blocks_per_trial
        return choice
