"""The hand-over between the game's thread and the writer: a ring of rows, filled in place.

The game's thread copies its values into the next row and goes on; the writer takes whatever lies
between tail and head. Nothing is allocated for a frame, so the cost is that of the copies and the
memory is what the ring was made with. A ring has one fixed layout: when a frame does not fit, the
recorder makes a new ring and the writer drains the old one first.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import sys
from typing import Any

import numpy as np

from understudy.session.frames.layout import RowLayout, Rows

MIN_ROWS = 16
MAX_ROWS = 65_536
_MADV_POPULATE_WRITE = 23
_POPULATED_AT_ONCE = 1 << 20


class FrameRing:
    """Rows of one layout, with room for an image beside each where frames have one.

    One thread at a time may put (the recorder holds its lock); one thread, the writer, takes.
    """

    def __init__(
        self, layout: RowLayout, image_shape: tuple[int, ...] | None, budget_bytes: int
    ) -> None:
        self.layout = layout
        self.image_shape = image_shape
        row_bytes = layout.dtype.itemsize + (int(np.prod(image_shape)) if image_shape else 0)
        self.capacity = max(MIN_ROWS, min(MAX_ROWS, budget_bytes // row_bytes))
        self.half = self.capacity // 2
        self.row_bytes = row_bytes
        """Of a row and its image together."""
        self.rows: Rows = _memory(self.capacity * layout.dtype.itemsize).view(layout.dtype)
        self.images = (
            _memory(self.capacity * int(np.prod(image_shape))).reshape(self.capacity, *image_shape)
            if image_shape is not None
            else None
        )
        self.head = 0
        self.tail = 0
        self.base = 0
        """The count at which place 0 was filled: it moves up whenever the ring is empty, so that a
        game that the writer keeps up with always writes to the same few, warm places."""
        self.buffer = self.rows.data.cast("B")
        self.image_buffer = (
            self.images.data.cast("B") if self.images is not None else memoryview(b"")
        )
        self.image_size = self.images[0].nbytes if self.images is not None else 0
        self.row_size = layout.dtype.itemsize
        self.all_present = (1 << len(layout.fields)) - 1
        self.field_count = len(layout.fields)
        self.slots: dict[str, tuple[np.ndarray[Any, Any], np.dtype[Any], tuple[int, ...]]] = {
            name: (self.rows[name], np.dtype(kind), shape) for name, kind, shape in layout.fields
        }

    @property
    def pending(self) -> int:
        return self.head - self.tail

    @property
    def full(self) -> bool:
        return self.head - self.tail >= self.capacity

    def take(self, most: int) -> tuple[Rows, np.ndarray[Any, Any] | None] | None:
        """A view of the oldest pending rows, at most ``most`` and none past the ring's end.

        The rows stay valid until ``release`` gives their places back.
        """
        count = min(self.pending, most)
        if not count:
            return None
        start = (self.tail - self.base) % self.capacity
        stop = min(start + count, self.capacity)
        images = self.images[start:stop] if self.images is not None else None
        return self.rows[start:stop], images

    def warm_up(self) -> None:
        """Touch the ring's memory ahead of the game, where the system can; for the writer."""
        if sys.platform == "linux":
            for memory in (self.rows, self.images):
                if memory is not None:
                    _populate(memory)

    def release(self, count: int) -> None:
        self.tail += count


def _memory(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """``size`` bytes of zeros, in small pages: clearing a huge one takes up to 5 ms of a frame."""
    pages = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel without huge pages needs no advice
            pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, np.uint8)


def _populate(memory: np.ndarray[Any, Any]) -> None:
    """Have the kernel provide the pages now, by a call that other threads run beside."""
    libc = ctypes.CDLL(None, use_errno=True)
    for start in range(0, memory.nbytes, _POPULATED_AT_ONCE):
        length = min(_POPULATED_AT_ONCE, memory.nbytes - start)
        address = ctypes.c_void_p(memory.ctypes.data + start)
        if libc.madvise(address, ctypes.c_size_t(length), _MADV_POPULATE_WRITE) != 0:
            return  # a kernel before 5.14: pages come when they are first written to
