"""Walks a JSON array element by element without ever holding more than one of them.

Any layout is read: compact, any indentation, CRLF, a byte order mark. In the layout that this
project writes, an element's end is found by one search for its closing line, which makes the walk
as fast as the check of the elements; elsewhere brackets are counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

BOM = b"\xef\xbb\xbf"
CHUNK = 1 << 20
LARGEST_ELEMENT = 1 << 28
"""Bytes; what is longer is taken for a missing bracket, so that no file can fill the memory."""

_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb"[^\s,\[\]{}\"]+")
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(rb'[\[\]{}]|"(?:[^"\\]*(?:\\.[^"\\]*)*")?', re.DOTALL)
_PRETTY_START = re.compile(rb"\{\r?\n    ")
_PRETTY_END = b"\n  }"


@dataclass(frozen=True, slots=True)
class Element:
    """One element: where it lies (byte offsets), and its value or what is wrong with it."""

    index: int
    start: int
    end: int
    value: Any
    problem: str | None


class ArrayScanner:
    """Iterate to get the elements; afterwards the attributes say how the array ended.

    ``start`` is 0, or the offset just behind an element that is known to be whole, in which case
    the walk goes on from there. A bad element is yielded with its ``problem`` and the walk goes
    on behind it where that place can be told.
    """

    def __init__(
        self, file: BinaryIO, decode: Callable[[bytes], Any], *, start: int = 0, index: int = 0
    ) -> None:
        self._file = file
        self._decode = decode
        self._data = b""
        self._base = start
        self._at = 0
        self._exhausted = False
        self._first = start == 0
        self._index = index
        self.count = index
        """Whole elements before the first problem."""
        self.elements_end = start
        """Offset behind the last element before the first problem (0: there is none)."""
        self.problem: str | None = None
        """Why the array does not end properly, or the first bad element; None when all is well."""
        self.problem_at = 0
        self.ended_badly: str | None = None
        """Why the walk stopped before a closing bracket; None when it came to the end."""
        self.opened = start > 0
        """Whether the array's opening bracket was there."""

    @property
    def position(self) -> int:
        """Byte offset that the walk has reached."""
        return self._base + self._at

    def __iter__(self) -> Iterator[Element]:
        self._file.seek(self._base)
        if self._first and not self._open():
            return
        while True:
            if not self._first and not self._separator():
                return
            self._space()
            if self._first and self._peek() == b"]":
                self._at += 1
                self._ending()
                return
            element = self._element()
            if element is None:
                return
            self._at += element.end - element.start
            self._first = False
            self._index += 1
            if element.problem is not None:
                self._note(
                    f"its element {element.index} (counted from 0) is not JSON: {element.problem}",
                    element.start,
                )
            elif self.problem is None:
                self.count = self._index
                self.elements_end = element.end
            yield element

    def _open(self) -> bool:
        self._more()
        if self._data.startswith(BOM):
            self._at = len(BOM)
        self._space()
        if self._peek() != b"[":
            self._fail("it does not begin with a bracket" if self._peek() else "it is empty")
            return False
        self._at += 1
        self.opened = True
        return True

    def _separator(self) -> bool:
        """Step over the comma before the next element; False at the end or without one."""
        self._space()
        mark = self._peek()
        if mark == b",":
            self._at += 1
            return True
        if mark == b"]":
            self._at += 1
            self._ending()
        elif not mark:
            self._fail("it breaks off without its closing bracket")
        else:
            self._fail("something other than a comma stands between two elements")
        return False

    def _ending(self) -> None:
        self._space()
        if self._peek():
            self._fail("something follows its closing bracket")

    def _element(self) -> Element | None:
        while len(self._data) - self._at < 8 and self._more():
            pass
        first = self._data[self._at : self._at + 1]
        if not first:
            self._fail("it breaks off without its closing bracket")
            return None
        if first in b"]},:":
            self._fail(f"no element stands where its element {self._index} should begin")
            return None
        begin = self.position
        pretty = self._pretty_length()
        if pretty is not None:
            element = self._made(begin, pretty)
            if element.problem is None:
                return element
        length = self._bracket_length()
        if length is not None:
            element = self._made(begin, length)
            if element.problem is None or pretty is None:
                return element
        if pretty is not None:
            # Inside a broken element no bracket can be trusted, its closing line still can.
            return self._made(begin, pretty)
        self._fail(f"its element {self._index} (counted from 0) is not whole")
        return None

    def _made(self, begin: int, length: int) -> Element:
        value, problem = None, None
        try:
            value = self._decode(self._data[self._at : self._at + length])
        except ValueError as error:
            problem = str(error) or "it is not JSON"
        return Element(self._index, begin, begin + length, value, problem)

    def _fail(self, problem: str) -> None:
        self.ended_badly = problem
        self._note(problem, self.position)

    def _note(self, problem: str, at: int) -> None:
        if self.problem is None:
            self.problem = problem
            self.problem_at = at

    def _pretty_length(self) -> int | None:
        """Length of an element in our layout, by its closing line, which is indented by two."""
        indent = self._data[max(0, self._at - 3) : self._at]
        if indent != b"\n  " or not _PRETTY_START.match(self._data, self._at):
            return None
        searched = 0
        while True:
            found = self._data.find(_PRETTY_END, self._at + searched)
            if found >= 0:
                return found + len(_PRETTY_END) - self._at
            searched = max(0, len(self._data) - self._at - len(_PRETTY_END))
            if not self._grow():
                return None

    def _bracket_length(self) -> int | None:
        while True:
            end = self._bracket_end(self._at)
            if end is not None:
                return end - self._at
            if not self._grow():
                return None

    def _bracket_end(self, start: int) -> int | None:
        """Where the element at ``start`` ends; None when the window does not hold its end."""
        first = self._data[start : start + 1]
        if first == b'"':
            text = _STRING.match(self._data, start)
            return text.end() if text else None
        if first not in b"[{":
            scalar = _SCALAR.match(self._data, start)
            # A number at the window's edge may go on behind it.
            if scalar is None or (scalar.end() == len(self._data) and not self._exhausted):
                return None
            return scalar.end()
        depth = 0
        for token in _TOKEN.finditer(self._data, start):
            mark = token.group()
            if mark in (b"{", b"["):
                depth += 1
            elif mark in (b"}", b"]"):
                depth -= 1
                if depth == 0:
                    return token.end()
            elif mark == b'"':
                return None
        return None

    def _peek(self) -> bytes:
        if self._at >= len(self._data):
            self._more()
        return self._data[self._at : self._at + 1]

    def _space(self) -> None:
        while True:
            match = _SPACE.match(self._data, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._data) or not self._more():
                return

    def _grow(self) -> bool:
        """Read on while an element is longer than the window, each time as much again."""
        length = len(self._data) - self._at
        return length <= LARGEST_ELEMENT and self._more(max(CHUNK, length))

    def _more(self, size: int = 0) -> bool:
        """Drop what lies behind the position (but the indentation before it), and read on."""
        drop = max(0, self._at - 3)
        piece = self._file.read(size or CHUNK)
        self._data = self._data[drop:] + piece
        self._base += drop
        self._at -= drop
        self._exhausted = not piece
        return bool(piece)
