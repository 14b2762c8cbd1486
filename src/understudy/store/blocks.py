"""An append-only file of blocks, each with its length and a checksum.

A block on disk is a 16-byte header followed by its payload::

    magic "USB1" | kind u8 | 3 zero bytes | payload length u32 | CRC-32 u32

The CRC-32 is over the kind, the length and the payload. Numbers are little-endian.

A process killed in the middle of a write leaves at most one torn block, at the end; everything
before it can be read. This module knows nothing of what a payload means.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from understudy.errors import CorruptionError
from understudy.store.atomic import sync_folder

MAGIC = b"USB1"
_HEADER = struct.Struct("<4sB3sII")
_ZEROS = bytes(3)
HEADER_SIZE = _HEADER.size
MAX_PAYLOAD = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Block:
    """Where one block's payload lies in its file."""

    offset: int
    """Of the payload, not of the header."""
    length: int
    kind: int
    checksum: int


@dataclass(frozen=True, slots=True)
class BlockScan:
    """What a walk over a block file found."""

    blocks: tuple[Block, ...]
    end: int
    """Byte offset behind the last whole block: what lies beyond is torn."""
    torn: int
    """Bytes behind ``end``."""
    reason: str | None
    """Why the walk stopped before the end of the file, in words."""


def checksum(kind: int, payload: bytes | memoryview) -> int:
    """CRC-32 over what a block says of itself and its payload."""
    return zlib.crc32(payload, zlib.crc32(struct.pack("<BI", kind, len(payload))))


class BlockWriter:
    """Appends blocks. Whole blocks go to the file in one ``write`` each; ``sync`` makes them last.

    Opening an existing file appends behind what is there: cut a torn tail off first.
    Raises OSError as the file system does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644
        )
        self._end = os.fstat(self._fd).st_size
        self._named = self._end > 0

    @property
    def size(self) -> int:
        return self._end

    def append(self, payload: bytes | memoryview, kind: int = 0) -> Block:
        """Write one block; when that fails, cut back to the last whole block and raise."""
        view = memoryview(payload).cast("B")
        crc = checksum(kind, view)
        start = self._end
        data = _HEADER.pack(MAGIC, kind, _ZEROS, len(view), crc) + view
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError:
            os.ftruncate(self._fd, start)
            raise
        self._end = start + len(data)
        return Block(start + HEADER_SIZE, len(view), kind, crc)

    def sync(self) -> None:
        """Bring what was appended to the disk, and with it, once, the file's name in its folder."""
        os.fsync(self._fd)
        if not self._named:
            sync_folder(self.path.parent)
            self._named = True

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def scan_blocks(path: Path, *, check: bool = True) -> BlockScan:
    """Walk over all blocks of ``path``; with ``check`` every payload is read and checked.

    Stops at the first block that is not whole, which after a kill is the last one.
    """
    blocks: list[Block] = []
    reason: str | None = None
    with open(path, "rb") as file:
        total = os.fstat(file.fileno()).st_size
        position = 0
        while position < total:
            header = file.read(HEADER_SIZE)
            if len(header) < HEADER_SIZE:
                reason = f"a block header is cut off at byte {position}"
                break
            magic, kind, zeros, length, crc = _HEADER.unpack(header)
            if magic != MAGIC or zeros != _ZEROS:
                reason = f"no block begins at byte {position}"
                break
            start = position + HEADER_SIZE
            if start + length > total:
                reason = f"the block at byte {position} is cut off"
                break
            if check:
                if checksum(kind, file.read(length)) != crc:
                    reason = f"the block at byte {position} does not match its checksum"
                    break
            else:
                file.seek(length, os.SEEK_CUR)
            blocks.append(Block(start, length, kind, crc))
            position = start + length
    return BlockScan(tuple(blocks), position, total - position, reason)


def read_block(file: BinaryIO, block: Block, path: Path) -> bytes:
    """The checked payload of ``block`` from the open ``file``, whose position it moves."""
    file.seek(block.offset)
    payload = file.read(block.length)
    if len(payload) != block.length or checksum(block.kind, payload) != block.checksum:
        raise CorruptionError(
            f"the block at byte {block.offset - HEADER_SIZE} of {path} does not match its "
            "checksum; run `understudy session verify` to see what else is damaged"
        )
    return payload


def iterate_payloads(path: Path) -> Iterator[tuple[Block, bytes]]:
    """Every whole block of ``path`` with its payload, in order, one in memory at a time."""
    scan = scan_blocks(path, check=False)
    with open(path, "rb") as file:
        for block in scan.blocks:
            yield block, read_block(file, block, path)
