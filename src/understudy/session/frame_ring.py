"""The hand-over between the game's thread and the writer: a ring of rows, filled in place.

The game's thread copies its values into the next row and goes on; the writer takes whatever lies
between tail and head. Nothing is allocated for a frame, so the cost is that of the copies and the
memory is what the ring was made with. A ring has one fixed layout: when a frame does not fit, the
recorder makes a new ring and the writer drains the old one first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from understudy.session.layout import RowLayout, Rows

MIN_ROWS = 16
MAX_ROWS = 65_536


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
        self.rows: Rows = np.zeros(self.capacity, layout.dtype)
        self.images = (
            np.empty((self.capacity, *image_shape), np.uint8) if image_shape is not None else None
        )
        self.head = 0
        self.tail = 0
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
        start = self.tail % self.capacity
        stop = min(start + count, self.capacity)
        images = self.images[start:stop] if self.images is not None else None
        return self.rows[start:stop], images

    def release(self, count: int) -> None:
        self.tail += count
