"""Pictures of few colours as one byte a pixel.

Drawn screens rarely hold more than some dozens of different pixel values, and one index byte a
pixel compresses several times better and faster than three or four colour bytes. The way from
pixel to index is a single table look-up over large arrays: the colours seen so far are kept from
block to block, and only a colour never met before costs a search.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_COLOURS = 255
"""Index 0 is kept for "not met yet"."""

_SLOTS = 1 << 24
_COLOUR_BITS = _SLOTS - 1
# Pixels looked up at once: small enough for the processor's cache, large enough that the
# interpreter hardly matters.
_SAMPLE = 16_384
"""Pixels looked at for new colours at a time."""
_CHUNK = 1 << 17

Bytes = NDArray[np.uint8]


class Palettiser:
    """Turns images into palette indices while their colours allow it."""

    def __init__(self) -> None:
        # Zeroed memory that is never touched takes no room: of 16 MiB only the pages of colours
        # that occur become real.
        self._slots: Bytes = np.zeros(_SLOTS, np.uint8)
        self._colours = np.zeros(MOST_COLOURS, np.int64)
        self._known = 0
        self._keys = np.empty(_CHUNK, np.int64)

    def index(self, pixels: Bytes) -> tuple[Bytes, Bytes] | None:
        """Indices [n, H, W, 1], from 1 on, and palette rows [colours, C] of ``pixels``.

        None when they cannot be had: one channel only, more than ``MOST_COLOURS`` different
        pixel values, or a transparency that varies. ``pixels`` is a contiguous [n, H, W, C].
        """
        depth = pixels.shape[3]
        if depth == 1:
            return None
        alpha = 0
        flat = pixels.reshape(-1)
        if depth == 4:
            alpha = int(flat[3])
            words = flat.view("<u4")
            if ((words ^ words[0]) > _COLOUR_BITS).any():
                return None
        had_colours = self._known > 0
        indices = self._look_up(flat, depth)
        if indices is None and had_colours:
            # Colours of earlier scenes may have filled the table: begin again with this one.
            self._forget_colours()
            indices = self._look_up(flat, depth)
        if indices is None:
            self._forget_colours()
            return None
        words = self._colours[: self._known] | (alpha << 24)
        rows = words.astype("<u4").view(np.uint8).reshape(-1, 4)[:, :depth]
        return indices.reshape(*pixels.shape[:3], 1), np.ascontiguousarray(rows)

    def _look_up(self, flat: Bytes, depth: int) -> Bytes | None:
        indices = np.empty(flat.size // depth, np.uint8)
        for start in range(0, indices.size, _CHUNK):
            part = indices[start : start + _CHUNK]
            keys = self._keys[: part.size]
            _read_colours(flat, depth, start, keys)
            # "wrap" spares a bounds check: keys have 24 bits.
            self._slots.take(keys, out=part, mode="wrap")
            if not part.all() and not self._learn(keys, part):
                return None
        return indices

    def _learn(self, keys: NDArray[np.int64], part: Bytes) -> bool:
        """Give new colours their indices; False when there are too many."""
        unknown = part == 0
        while unknown.any():
            # Few pixels show most new colours; every pixel is asked only for what they missed.
            # All of this is in small calls, or in ones that let other threads run.
            for step in (unknown.size // _SAMPLE + 1, 1):
                places = np.flatnonzero(unknown[::step])
                if places.size:
                    break
            new = np.unique(keys[places[:_SAMPLE] * step])
            known = self._known + new.size
            if known > MOST_COLOURS:
                return False
            self._colours[self._known : known] = new
            self._slots[new] = np.arange(self._known + 1, known + 1, dtype=np.uint8)
            self._known = known
            self._slots.take(keys, out=part, mode="wrap")
            np.equal(part, 0, out=unknown)
        return True

    def _forget_colours(self) -> None:
        self._slots[self._colours[: self._known]] = 0
        self._known = 0


def _read_colours(flat: Bytes, depth: int, start: int, keys: NDArray[np.int64]) -> None:
    """Fill ``keys`` with the colours, as numbers below 2**24, of the pixels from ``start`` on."""
    if depth == 2:
        keys[:] = flat.view("<u2")[start : start + keys.size]
        return
    if depth == 4:
        words = flat.view("<u4")[start : start + keys.size]
        np.bitwise_and(words, _COLOUR_BITS, out=keys, dtype=np.int64, casting="unsafe")
        return
    # Three bytes a pixel, read as overlapping four-byte words of which one byte is cut off. The
    # last pixel of all has no fourth byte behind it.
    pixels = flat.size // 3
    inside = min(keys.size, pixels - 1 - start)
    if inside:
        words = np.ndarray((inside,), "<u4", flat, 3 * start, (3,))
        np.bitwise_and(words, _COLOUR_BITS, out=keys[:inside], dtype=np.int64, casting="unsafe")
    if inside < keys.size:
        keys[inside] = int.from_bytes(flat[-3:].tobytes(), "little")


def apply_palette(indices: Bytes, rows: Bytes) -> Bytes:
    """The pixels [H, W, C] of palette ``indices`` [H, W, 1]; IndexError when a row is missing."""
    table = np.concatenate([np.zeros((1, rows.shape[1]), np.uint8), rows])
    return table.take(indices[..., 0], axis=0)
