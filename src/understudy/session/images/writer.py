"""Appending images while a session is recorded.

Nothing here may cost much: repeats are found by one hash an image, new images wait until they fill
a block, and a block is coded by few calls over large arrays that let other threads run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from understudy.errors import CorruptionError, UsageError
from understudy.session.images.digest import image_digest, shape_seed
from understudy.session.images.encoder import RECORDING, BlockEncoder
from understudy.session.images.layout import HEAD_SIZE, IMAGE_BLOCK_KIND, read_head
from understudy.store.blocks import BlockWriter, scan_blocks

Bytes = NDArray[np.uint8]

LARGEST_IMAGE = 1 << 30
"""In bytes of pixels."""

# Repeats are looked for among this many to twice as many of the images met last (10 MB of table);
# sealing finds those that lie further apart.
_REMEMBERED = 32_768


class ImageWriter:
    """Appends images to a block file, each distinct one once. For one thread at a time.

    Opening a file that holds images continues their numbering; its torn tail, if it has one, must
    have been cut off before (CorruptionError). ``add``, ``flush``, ``sync`` and ``close`` raise
    OSError as the file system does: images already taken then stay in memory and are written by
    the next call that succeeds, and ``add`` takes no more while a full block is waiting.
    """

    def __init__(self, path: Path) -> None:
        self.count = _images_in(path)
        """Distinct images taken so far, written or not."""
        self._file = BlockWriter(path)
        self._encoder = BlockEncoder(RECORDING)
        self._pending: list[Bytes] = []
        self._pending_images = 0
        self._shape: tuple[int, ...] = ()
        self._seed = 0
        self._capacity = 1
        self._newer: dict[bytes, int] = {}
        self._older: dict[bytes, int] = {}

    @property
    def bytes_written(self) -> int:
        """Size of the file, images from before it was opened included."""
        return self._file.size

    def add(self, frames: Bytes) -> NDArray[np.int64]:
        """Take ``frames`` ([n, H, W] or [n, H, W, C], n ≥ 1, C 1 to 4) and tell each one's index.

        The array may be reused at once. Raises UsageError for anything but such an array of uint8.
        """
        _check(frames)
        if frames.shape[1:] != self._shape:
            self.flush()
            self._shape = frames.shape[1:]
            self._seed = shape_seed(self._shape)
            self._capacity = RECORDING.block_capacity(frames[0].nbytes)
        elif self._pending_images >= self._capacity:
            self._write_full_blocks()
        frames = np.ascontiguousarray(frames)
        indices = np.empty(len(frames), np.int64)
        new: list[int] = []
        for position in range(len(frames)):
            digest = image_digest(frames[position], self._seed)
            index = self._newer.get(digest)
            if index is None:
                index = self._older.get(digest)
                if index is None:
                    index = self.count
                    self.count += 1
                    new.append(position)
                self._remember(digest, index)
            indices[position] = index
        if new:
            self._pending.append(frames.copy() if len(new) == len(frames) else frames[new])
            self._pending_images += len(new)
            self._write_full_blocks()
        return indices

    def flush(self) -> None:
        """Write all images taken so far to the file."""
        while self._pending_images:
            self._write_block()

    def sync(self) -> None:
        """``flush``, and wait until the disk has it."""
        self.flush()
        self._file.sync()

    def close(self) -> None:
        """``flush`` and close the file, which is closed even when the flush fails."""
        try:
            self.flush()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _remember(self, digest: bytes, index: int) -> None:
        if len(self._newer) >= _REMEMBERED:
            self._older = self._newer
            self._newer = {}
        self._newer[digest] = index

    def _write_full_blocks(self) -> None:
        while self._pending_images >= self._capacity:
            self._write_block()

    def _write_block(self) -> None:
        """Write up to one block's worth of the oldest waiting images."""
        waiting = self._pending[0] if len(self._pending) == 1 else _joined(self._pending)
        self._pending = [waiting]
        block = waiting[: self._capacity]
        payload = self._encoder.encode(block, self.count - self._pending_images)
        self._file.append(payload, IMAGE_BLOCK_KIND)
        self._pending_images -= len(block)
        self._pending = [waiting[len(block) :]] if self._pending_images else []


def _joined(parts: list[Bytes]) -> Bytes:
    """One array of all ``parts``; each copy lets other threads run, as concatenating does not."""
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), np.uint8)
    end = 0
    for part in parts:
        whole[end : end + len(part)] = part
        end += len(part)
    return whole


def _check(frames: object) -> None:
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
        kind = getattr(frames, "dtype", type(frames).__name__)
        raise UsageError(f"images must be NumPy arrays of uint8, not {kind}; convert them first")
    shape = frames.shape
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] > 4):
        raise UsageError(
            "images must have the shape [n, height, width] or [n, height, width, 1 to 4 channels], "
            f"none of it 0, not {list(shape)}; add or move axes before recording them"
        )
    if frames[0].nbytes > LARGEST_IMAGE:
        raise UsageError(
            f"an image of {frames[0].nbytes:,} bytes is larger than {LARGEST_IMAGE:,}, the most "
            "that is recorded; scale it down first"
        )


def _images_in(path: Path) -> int:
    """How many images the whole blocks of ``path`` hold; 0 when there is no such file."""
    if not path.exists():
        return 0
    scan = scan_blocks(path, check=False)
    if scan.torn:
        raise CorruptionError(
            f"{path} cannot be continued: {scan.reason}; cut the file at byte {scan.end} first"
        )
    if not scan.blocks:
        return 0
    last = scan.blocks[-1]
    with open(path, "rb") as file:
        file.seek(last.offset)
        head = read_head(file.read(HEAD_SIZE), f"the image block at byte {last.offset} of {path}")
    return head.first + head.count
