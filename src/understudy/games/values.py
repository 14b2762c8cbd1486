"""The kinds of values that a memory map knows: how each is read from bytes and written to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any


class NotWritable(Exception):  # noqa: N818 - turned into a GameError by whoever knows the place
    """A value that is not one of this kind; the message says which are."""


class Kind(ABC):
    """One kind of value, ``size`` bytes long."""

    size: int

    @abstractmethod
    def decode(self, data: bytes, at: int) -> Any:
        """The value in the bytes from ``at`` on."""

    def encode(self, value: Any) -> bytes:
        """The bytes of ``value``; NotWritable when it is none."""
        raise NotWritable("name a single value inside it")

    def child(self, part: str) -> tuple[int, Kind] | None:
        """Where ``part`` of it stands, and its kind; None when it has no such part."""
        return None


class Number(Kind):
    """A whole number."""

    def __init__(self, size: int, *, signed: bool = False, big_endian: bool = False) -> None:
        self.size = size
        self._signed = signed
        self._order: Any = "big" if big_endian else "little"
        self.lowest = -(1 << size * 8 - 1) if signed else 0
        self.highest = (1 << size * 8 - signed) - 1

    def decode(self, data: bytes, at: int) -> int:
        return int.from_bytes(data[at : at + self.size], self._order, signed=self._signed)

    def encode(self, value: Any) -> bytes:
        if isinstance(value, bool) or not isinstance(value, int):
            raise NotWritable("it must be a whole number")
        if not self.lowest <= value <= self.highest:
            raise NotWritable(f"it must be from {self.lowest} to {self.highest}")
        return value.to_bytes(self.size, self._order, signed=self._signed)


class Decimal(Kind):
    """A whole number of two decimal digits a byte (BCD), the highest first."""

    def __init__(self, size: int) -> None:
        self.size = size

    def decode(self, data: bytes, at: int) -> int:
        number = 0
        for byte in data[at : at + self.size]:
            number = number * 100 + (byte >> 4) * 10 + (byte & 15)
        return number

    def encode(self, value: Any) -> bytes:
        if isinstance(value, bool) or not isinstance(value, int):
            raise NotWritable("it must be a whole number")
        if not 0 <= value < 100**self.size:
            raise NotWritable(f"it must be from 0 to {100**self.size - 1}")
        return bytes.fromhex(str(value).zfill(self.size * 2))


class Truth(Kind):
    """One byte: false when it is 0."""

    size = 1

    def decode(self, data: bytes, at: int) -> bool:
        return data[at] != 0

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bool):
            raise NotWritable("it must be true or false")
        return bytes([value])


class Choice(Kind):
    """A number that stands for a word; a number without one reads as ``#`` and the number."""

    def __init__(self, number: Kind, words: Mapping[str, int]) -> None:
        self.size = number.size
        self._number = number
        self._numbers = dict(words)
        self._words = {n: word for word, n in words.items()}
        self.words = tuple(words)

    def decode(self, data: bytes, at: int) -> str:
        number = self._number.decode(data, at)
        return self._words.get(number, f"#{number}")

    def encode(self, value: Any) -> bytes:
        if value not in self._numbers:
            raise NotWritable(f"it must be one of {', '.join(self.words)}")
        return self._number.encode(self._numbers[value])


class Flags(Kind):
    """Named bits, the lowest first; reads as a table of truths."""

    def __init__(self, size: int, names: Sequence[str]) -> None:
        self.size = size
        self.names = tuple(names)

    def decode(self, data: bytes, at: int) -> dict[str, bool]:
        number = int.from_bytes(data[at : at + self.size], "little")
        return {name: bool(number >> bit & 1) for bit, name in enumerate(self.names) if name}

    def child(self, part: str) -> tuple[int, Kind] | None:
        if not part or part not in self.names:
            return None
        bit = self.names.index(part)
        return bit // 8, Bit(bit % 8)


class Bit(Truth):
    """One bit of a byte: writing it leaves its neighbours as they are."""

    def __init__(self, bit: int) -> None:
        self.mask = 1 << bit

    def decode(self, data: bytes, at: int) -> bool:
        return bool(data[at] & self.mask)


class Text(Kind):
    """Letters up to an end mark, by the character set of the game."""

    def __init__(self, size: int, letters: Mapping[int, str], end: int) -> None:
        self.size = size
        self._letters = _all_codes(letters, "?")
        self._codes = {letter: code for code, letter in letters.items()}
        self._end = end

    def decode(self, data: bytes, at: int) -> str:
        found = data[at : at + self.size].split(bytes([self._end]))[0]
        return found.decode("latin-1").translate(self._letters).rstrip()

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise NotWritable("it must be text")
        if len(value) > self.size or any(letter not in self._codes for letter in value):
            raise NotWritable(f"it must be at most {self.size} of the game's own letters")
        return bytes(self._codes[letter] for letter in value).ljust(self.size, bytes([self._end]))


class Tiles(Kind):
    """A screen of tiles that are letters: a list of lines; what is no letter reads as a space."""

    def __init__(self, columns: int, rows: int, letters: Mapping[int, str]) -> None:
        self.size = columns * rows
        self._columns = columns
        self._letters = _all_codes(letters, " ")

    def decode(self, data: bytes, at: int) -> list[str]:
        text = data[at : at + self.size].decode("latin-1").translate(self._letters)
        return [text[at : at + self._columns] for at in range(0, self.size, self._columns)]


def _all_codes(letters: Mapping[int, str], other: str) -> dict[int, str]:
    return {code: letters.get(code, other) for code in range(256)}


class Table(Kind):
    """Named fields at their offsets."""

    def __init__(self, fields: Mapping[str, tuple[int, Kind]], size: int) -> None:
        self.fields = dict(fields)
        self.size = size

    def decode(self, data: bytes, at: int) -> dict[str, Any]:
        return {name: kind.decode(data, at + off) for name, (off, kind) in self.fields.items()}

    def child(self, part: str) -> tuple[int, Kind] | None:
        return self.fields.get(part)


class Row(Kind):
    """Several of one kind in a row.

    Plain ones read as a list. With ``keys`` the elements have names and it reads as a table. With
    ``key``, an enum among an element's fields names the element: it reads as a table that has an
    entry for every word of that enum but ``empty``, all zero where no element has that word; of
    two elements with the same word the first one counts.
    """

    def __init__(
        self,
        element: Kind,
        count: int,
        stride: int,
        *,
        keys: Sequence[str] = (),
        key: str = "",
        empty: str = "",
    ) -> None:
        self.element = element
        self.count = count
        self.stride = stride
        self.size = stride * (count - 1) + element.size
        self.keys = tuple(keys)
        self.key = key
        self.empty = empty

    def decode(self, data: bytes, at: int) -> Any:
        found = [self.element.decode(data, at + i * self.stride) for i in range(self.count)]
        if self.keys:
            return dict(zip(self.keys, found, strict=True))
        return self.by_key(found) if self.key else found

    def by_key(self, found: list[dict[str, Any]]) -> dict[str, Any]:
        """The elements ``found`` as the table that ``key`` makes of them."""
        table: dict[str, Any] = {}
        blank = self.element.decode(bytes(self.element.size), 0)
        for word in self.words():
            first = next((one for one in found if one[self.key] == word), blank)
            table[word] = {name: value for name, value in first.items() if name != self.key}
        return table

    def words(self) -> tuple[str, ...]:
        """The names of the entries when ``key`` makes them."""
        if not isinstance(self.element, Table):
            return ()
        kind = self.element.fields[self.key][1]
        return tuple(w for w in kind.words if w != self.empty) if isinstance(kind, Choice) else ()

    def child(self, part: str) -> tuple[int, Kind] | None:
        if part in self.keys:
            return self.keys.index(part) * self.stride, self.element
        if part.isdecimal() and int(part) < self.count and not self.keys:
            return int(part) * self.stride, self.element
        return None
