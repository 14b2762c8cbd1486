"""The game's side of the frames track: one call a frame, a few microseconds, never an exception.

The quick way assumes that a frame looks like the one before it; whatever is new (another value,
another type, a list instead of an array, an image of another size) goes the slow way once, which
adapts the layout and starts a new ring.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from understudy.session.frames.layout import CLOCK_NAMES, MAX_FIELDS, RowLayout
from understudy.session.frames.ring import FrameRing
from understudy.session.images.writer import LARGEST_IMAGE
from understudy.session.recording.counters import Counters
from understudy.session.recording.writer import SessionWriter, wake_rows

_put_clock = struct.Struct("<qqqIqQ").pack_into
_FLOAT = np.dtype(np.float64)
_BOOL = np.dtype(np.bool_)
_BYTE = np.dtype(np.uint8)
_LONGEST_WAIT_S = 60.0
_MAX_LAYOUTS = 64
_LATE_TICKS = 1.5
"""A frame that comes later than this many ticks after the last one has missed some."""
_FLOOD_NS = 1_000_000
"""Frames closer together than this come from no game that anybody watches."""
_LONGEST_REST_S = 0.02
_MOST_MISSED = 0xFFFF_FFFF


class _UnfitError(Exception):
    """The frame differs from the ring's layout: take the slow way."""


class FrameIntake:
    """Takes frames from any thread into the ring that the writer drains."""

    def __init__(
        self,
        open_writer: Callable[[], SessionWriter],
        counters: Counters,
        *,
        budget_bytes: int,
        tick_hz: float | None,
        wait_when_full: bool,
    ) -> None:
        self._open_writer = open_writer
        self._writer: SessionWriter | None = None
        self._counters = counters
        self._budget = budget_bytes
        self._tick_ns = 1e9 / tick_hz if tick_hz else None
        self._wait_when_full = wait_when_full
        self._lock = threading.Lock()
        self._ring: FrameRing | None = None
        self._wake_at = 0
        self._layouts = 0
        self._last_tick = -1
        self._last_ns = 0
        self._skipped = 0
        """Frames that were not kept since the last one that was."""
        self._seen = 0
        counters.frames_seen = lambda: self._seen
        self._closed: str | None = None

    def frame(self, *, tick: int | None = None, image: Any = None, **values: Any) -> None:
        """What ``SessionRecorder.frame`` says; recorders hand this very method out."""
        with self._lock:
            self._seen += 1
            if self._closed is not None:
                self._counters.drop(1, self._closed)
                return
            now = time.monotonic_ns()
            try:
                self._put(tick, image, values, now)
            except Exception:
                try:
                    image, values = self._adapt(image, values)
                    self._put(tick, image, values, now)
                except Exception as error:  # bad input must cost itself, never the game
                    self._skipped += 1
                    reason = str(error) or type(error).__name__
                    self._counters.drop(1, f"a frame could not be kept: {reason}")

    def close(self, reason: str) -> None:
        """Take no more frames; later ones are dropped for ``reason``."""
        with self._lock:
            self._closed = reason

    def close_in_child(self) -> None:
        """As ``close``, after a fork: the lock may be held by a thread that is not there."""
        self._lock = threading.Lock()
        self._closed = "a forked process does not record into its parent's session"

    def _put(self, tick: int | None, image: Any, values: dict[str, Any], now: int) -> None:
        ring = self._ring
        if ring is None:
            raise _UnfitError
        last_tick = self._last_tick
        missed = 0
        if tick is None:
            tick = last_tick + 1
            if self._tick_ns is not None and tick:
                late = (now - self._last_ns) / self._tick_ns
                if late > _LATE_TICKS:
                    missed = round(late) - 1
                    tick += missed
            elif self._skipped:
                missed = self._skipped
                tick += missed
        elif last_tick >= 0:
            missed = tick - last_tick - 1
        if ring.capacity - ring.head + ring.tail < 2 and not self._make_room(ring):
            return
        if ring.head == ring.tail:
            ring.base = ring.head
        head = ring.head + 1 if missed > 0 else ring.head
        place = (head - ring.base) % ring.capacity
        slots = ring.slots
        present = ring.all_present
        if len(values) != ring.field_count:
            present = 0
            for name in values:
                present |= ring.layout.bits[name]
        for name, value in values.items():
            column, dtype, shape = slots[name]
            if value.__class__ is float:
                if dtype is not _FLOAT or shape:
                    raise _UnfitError
            elif value.shape != shape or (value.dtype is not dtype and value.dtype != dtype):
                raise _UnfitError
            column[place] = value
        shown = -1
        if image is not None:
            if image.shape != ring.image_shape or image.dtype is not _BYTE:
                raise _UnfitError
            if image.flags.c_contiguous:
                # Unlike a NumPy assignment this keeps the GIL: letting go of it for a copy of some
                # microseconds would make the game wait for whatever the writer is doing.
                start = place * ring.image_size
                ring.image_buffer[start : start + ring.image_size] = image.data.cast("B")
            else:
                ring.images[place] = image  # type: ignore[index]
            shown = 0
        wall = time.time_ns()
        if missed > 0:
            self._skipped = 0
            gap = (ring.head - ring.base) % ring.capacity * ring.row_size
            _put_clock(ring.buffer, gap, last_tick + 1, now, wall, min(missed, _MOST_MISSED), -1, 0)
        _put_clock(ring.buffer, place * ring.row_size, tick, now, wall, 0, shown, present)
        flood = now - self._last_ns < _FLOOD_NS
        self._last_tick = tick
        self._last_ns = now
        ring.head = head + 1
        behind = head - ring.tail
        if behind >= self._wake_at:
            writer = self._writer
            if writer is not None and writer.asleep:
                writer.wake()
            if behind > ring.half and flood and not self._wait_when_full:
                self._let_writer_catch_up(ring, writer)

    def _let_writer_catch_up(self, ring: FrameRing, writer: SessionWriter | None) -> None:
        """Rest until little is pending, for ``_LONGEST_REST_S`` at most.

        A loop that hands over thousands of frames a second and never lets go of the GIL would
        starve the writer until frames are lost. No game that shows its frames is that fast.
        """
        if writer is None or writer.disk_refuses:
            return
        end = time.monotonic() + _LONGEST_REST_S
        while ring.pending > ring.half // 4 and time.monotonic() < end:
            time.sleep(0.0005)

    def _make_room(self, ring: FrameRing) -> bool:
        """Wait for the writer where that is wished; else count the frame as dropped."""
        writer = self._writer
        if writer is None:
            return False
        writer.wake()
        if self._wait_when_full and not writer.disk_refuses:
            deadline = time.monotonic() + _LONGEST_WAIT_S
            with writer.space:
                while (
                    ring.pending > ring.half
                    and time.monotonic() < deadline
                    and not writer.disk_refuses
                ):
                    writer.space.wait(0.05)
                    writer.wake()
        if ring.capacity - ring.pending >= 2:
            return True
        self._skipped += 1
        self._counters.drop(1, "frames came faster than the disk could take them")
        return False

    def _adapt(self, image: Any, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Turn odd values into arrays, grow the layout where needed, and start its ring."""
        ring = self._ring
        layout = ring.layout if ring is not None else RowLayout()
        known = {name: (np.dtype(kind), shape) for name, kind, shape in layout.fields}
        kept: dict[str, Any] = {}
        for name, value in values.items():
            if value is None:
                continue
            try:
                array = _as_numbers(value)
                if name in CLOCK_NAMES:
                    raise ValueError(f"the name {name!r} is taken by the recorder")
                if name in known:
                    dtype, shape = known[name]
                    if array.shape != shape:
                        raise ValueError(
                            f"{name} has shape {list(array.shape)} where it had {list(shape)}"
                        )
                    widest = np.promote_types(dtype, array.dtype)
                    if widest != dtype:
                        layout = layout.with_field(name, widest, shape)
                    kept[name] = array.astype(widest, copy=False)
                else:
                    if len(layout.fields) >= MAX_FIELDS:
                        raise ValueError(f"a frame has more than {MAX_FIELDS} values")
                    layout = layout.with_field(name, array.dtype, array.shape)
                    kept[name] = array
            except (ValueError, TypeError) as error:
                self._counters.leave_out(str(error))
        if image is not None:
            try:
                image = _as_image(image)
            except (ValueError, TypeError) as error:
                self._counters.leave_out(str(error))
                image = None
        if values and not kept and image is None:
            raise ValueError("none of its values is a number or an array of numbers")
        image_shape = ring.image_shape if ring is not None else None
        if image is not None:
            image_shape = image.shape
        if ring is None or layout != ring.layout or image_shape != ring.image_shape:
            self._start_ring(layout, image_shape)
        return image, kept

    def _start_ring(self, layout: RowLayout, image_shape: tuple[int, ...] | None) -> None:
        self._layouts += 1
        if self._layouts > _MAX_LAYOUTS:
            raise ValueError(f"frames changed their shape more than {_MAX_LAYOUTS} times")
        if self._writer is None:
            self._writer = self._open_writer()
        ring = FrameRing(layout, image_shape, self._budget)
        self._wake_at = wake_rows(ring)
        self._writer.add_ring(ring)
        self._ring = ring


def _as_numbers(value: Any) -> np.ndarray[Any, Any]:
    """Python numbers become float64 (or bool), so that a later 0.5 after a 0 still fits."""
    if isinstance(value, bool):
        return np.asarray(value, _BOOL)
    if isinstance(value, int | float):
        return np.asarray(value, _FLOAT)
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ValueError(f"a value of type {type(value).__name__} ({array.dtype}) is no number")
    return array


def _as_image(image: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(image)
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] <= 4)
    if array.dtype != _BYTE or not fits or not 0 < array.nbytes <= LARGEST_IMAGE:
        raise ValueError(
            f"an image is an array of uint8 [height, width(, 1 to 4 channels)], not {array.dtype} "
            f"{list(array.shape)}"
        )
    return array
