"""Append-only JSON lines in which every line carries a checksum of itself.

A line is an ordinary JSON object whose last member is ``"crc"``: the CRC-32, in eight hex digits,
of the line's bytes up to the comma before that member. Any JSON reader can read the file; this
one can tell a flipped bit and a torn tail.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MARK = b',"crc":"'
_TAIL_LENGTH = len(_MARK) + 8 + len(b'"}')


def seal_line(encoded: bytes) -> bytes:
    """Turn an encoded, non-empty JSON object (no newline in it) into a checked line."""
    body = encoded[:-1]
    return b'%s,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def line_is_whole(line: bytes) -> bool:
    """Whether ``line`` (with or without its newline) carries a matching checksum."""
    line = line.rstrip(b"\n")
    if len(line) <= _TAIL_LENGTH or not line.endswith(b'"}'):
        return False
    body, tail = line[:-_TAIL_LENGTH], line[-_TAIL_LENGTH:]
    return tail.startswith(_MARK) and tail[len(_MARK) : -2] == b"%08x" % zlib.crc32(body)


@dataclass(frozen=True, slots=True)
class LineScan:
    """What a walk over a file of checked lines found."""

    count: int
    """Whole lines."""
    end: int
    """Byte offset behind the last finished line, whole or damaged."""
    torn: int
    """Bytes behind ``end``."""
    damaged: tuple[int, ...]
    """Numbers (from 1) of finished lines that do not match their checksum."""


def scan_lines(path: Path) -> LineScan:
    """Check every line. Damage in the middle is told apart from a tail that a kill tore."""
    count = end = position = 0
    damaged: list[int] = []
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            position += len(line)
            if line_is_whole(line) and line.endswith(b"\n"):
                count += 1
            elif line.endswith(b"\n"):
                damaged.append(number)
            else:  # only the last line can lack its end: an append that was cut short
                break
            end = position
    return LineScan(count, end, position - end, tuple(damaged))


def whole_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of ``path`` without their newline, in order; others are passed over."""
    with open(path, "rb") as file:
        for line in file:
            if line.endswith(b"\n") and line_is_whole(line):
                yield line[:-1]
