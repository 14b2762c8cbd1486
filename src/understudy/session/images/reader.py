"""Reading images back: any one of them at the cost of one block, or many in turn."""

from __future__ import annotations

import bisect
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import zstandard
from numpy.typing import NDArray

from understudy.errors import CorruptionError
from understudy.session.images.codecs import DecodedBlock
from understudy.session.images.layout import HEAD_SIZE, Head, read_head
from understudy.store.blocks import Block, read_block, scan_blocks

Bytes = NDArray[np.uint8]

# Decompressed blocks kept for the next request; the one in use is kept whatever its size.
_KEPT_BYTES = 64 << 20


class ImageReader:
    """The images of ``images.blocks`` or ``images.pack``, as the file stood when it was opened.

    May be used by several threads. A torn tail (``torn`` bytes) is not looked at; a block whose
    head is damaged costs only its own images. Raises OSError when the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._decompressor = zstandard.ZstdDecompressor()
        self._kept: OrderedDict[int, DecodedBlock] = OrderedDict()
        self._blocks: list[Block] = []
        self._heads: list[Head] = []
        self._firsts: list[int] = []
        self._lost_the_end = False
        scan = scan_blocks(path, check=False)
        self.torn = scan.torn
        """Bytes behind the last whole block."""
        self._file = open(path, "rb")  # noqa: SIM115 - closed by close()
        try:
            for block in scan.blocks:
                self._file.seek(block.offset)
                data = self._file.read(min(HEAD_SIZE, block.length))
                try:
                    head = read_head(data, self._place(block))
                except CorruptionError:
                    self._lost_the_end = True
                    continue
                self._lost_the_end = False
                self._blocks.append(block)
                self._heads.append(head)
                self._firsts.append(head.first)
        except BaseException:
            self._file.close()
            raise
        self.count = self._firsts[-1] + self._heads[-1].count if self._heads else 0
        """Images in the whole blocks; less where the head of the last one is damaged."""

    def image(self, index: int) -> Bytes:
        """A fresh array of the pixels of image ``index``, in the shape it was added with.

        Raises IndexError outside of 0 to ``count`` - 1, and CorruptionError when its block is
        damaged.
        """
        number = self._block_number(index)
        with self._lock:
            return self._decoded(number).image(index - self._firsts[number])

    def images(self, indices: Iterable[int]) -> Iterator[Bytes]:
        """The images of ``indices`` in the order asked for.

        Each block is decoded once when the indices ascend; errors as ``image``.
        """
        for index in indices:
            yield self.image(index)

    def shape(self, index: int) -> tuple[int, ...]:
        """[height, width] or [height, width, channels] of image ``index``; errors as ``image``."""
        return self._heads[self._block_number(index)].image_shape

    def close(self) -> None:
        self._file.close()
        self._kept.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _block_number(self, index: int) -> int:
        if index < 0 or (index >= self.count and not self._lost_the_end):
            torn = f", which ends with {self.torn} torn bytes" if self.torn else ""
            raise IndexError(
                f"there is no image {index} among the {self.count} of {self.path}{torn}"
            )
        number = bisect.bisect_right(self._firsts, index) - 1
        if number < 0 or index - self._firsts[number] >= self._heads[number].count:
            raise CorruptionError(
                f"image {index} of {self.path} lies in a block whose head is damaged; "
                "run `understudy session verify` to see what else is"
            )
        return number

    def _decoded(self, number: int) -> DecodedBlock:
        kept = self._kept.get(number)
        if kept is not None:
            self._kept.move_to_end(number)
            return kept
        block = self._blocks[number]
        payload = read_block(self._file, block, self.path)
        decoded = DecodedBlock(payload, self._place(block), self._decompressor)
        self._kept[number] = decoded
        while len(self._kept) > 1 and sum(b.nbytes for b in self._kept.values()) > _KEPT_BYTES:
            self._kept.popitem(last=False)
        return decoded

    def _place(self, block: Block) -> str:
        return f"the image block at byte {block.offset} of {self.path}"
