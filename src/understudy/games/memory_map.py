"""The memory map of a game: the named values, where they stand, and reading them all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from understudy.games.toml_file import WrongPlace
from understudy.games.values import (
    Bit,
    Choice,
    Decimal,
    Flags,
    Kind,
    NotWritable,
    Number,
    Row,
    Table,
    Text,
    Truth,
)

Read = Callable[[int, int], bytes]

_NUMBERS = {
    "u8": (1, False),
    "s8": (1, True),
    "u16": (2, False),
    "s16": (2, True),
    "u24": (3, False),
    "u32": (4, False),
    "s32": (4, True),
}
_OTHERS = ("bool", "bcd", "enum", "bits", "string", "struct", "array")
_NAME = re.compile(r"[A-Za-z_]\w*")
_CLOSE = 24
"""Values at most this many bytes apart are read together."""


class ValueSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One value of the map, as the TOML says it; docs/howto/own-rom.md explains each key."""

    type: str = "u8"
    address: int | None = None
    offset: int | None = None
    big_endian: bool = False
    words: str = ""
    length: int = 1
    of: str | None = None
    values: list[str] | dict[str, int] | None = None
    bits: list[str] | None = None
    letters: dict[str, str] | None = None
    end: int = 0
    count: int | str | None = None
    at_most: int | None = None
    stride: int | None = None
    keys: list[str] | None = None
    key: str = ""
    empty: str = ""
    fields: dict[str, ValueSpec] | None = None


class MemoryMap:
    """Reads and writes the named values of a game."""

    def __init__(self, values: Mapping[str, ValueSpec]) -> None:
        """WrongPlace when a value of ``values`` makes no sense, with its place in the map."""
        self._kinds: dict[str, tuple[int, Kind]] = {}
        self._counted: list[tuple[str, str]] = []
        self.words = {name: spec.words for name, spec in values.items()}
        for name, spec in values.items():
            try:
                self._add(name, spec, values)
            except WrongPlace as problem:
                raise problem.below(name) from None
        self.spans = _spans(self._kinds)
        self._found = [
            (name, *_in_span(self.spans, address), kind)
            for name, (address, kind) in self._kinds.items()
        ]

    def _add(self, name: str, spec: ValueSpec, values: Mapping[str, ValueSpec]) -> None:
        if not _NAME.fullmatch(name):
            raise WrongPlace("a name is made of letters, digits and _, and begins with no digit")
        if spec.address is None:
            raise WrongPlace("`address` is missing, such as address = 0xC000")
        if spec.offset is not None:
            raise WrongPlace("`offset` is for the fields of a struct; say `address`", "offset")
        kind = _kind(spec)
        if not (spec.address >= 0 and spec.address + kind.size <= 0x10000):
            raise WrongPlace("it must lie between 0x0000 and 0xFFFF", "address")
        if isinstance(spec.count, str):
            counter = values.get(spec.count)
            if counter is None or counter.type not in _NUMBERS:
                raise WrongPlace(f"`{spec.count}` is no number in this map", "count")
            if spec.key or spec.keys:
                raise WrongPlace("a row with names has a fixed number of elements", "count")
            self._counted.append((name, spec.count))
        self._kinds[name] = (spec.address, kind)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values, in the order of the file."""
        return tuple(self._kinds)

    def read(self, read: Read) -> dict[str, Any]:
        """All values now; ``read(address, count)`` gives the bytes."""
        return self.decode([read(address, count) for address, count in self.spans])

    def decode(self, parts: list[bytes]) -> dict[str, Any]:
        """All values from the bytes of each of ``spans``."""
        values = {name: kind.decode(parts[span], at) for name, span, at, kind in self._found}
        for name, counter in self._counted:
            if isinstance(values[name], list):
                values[name] = values[name][: values[counter]]
        return values

    def blank(self) -> dict[str, Any]:
        """The values of a memory full of zeros, every list as long as it can be."""
        return {name: kind.decode(bytes(kind.size), 0) for name, (_, kind) in self._kinds.items()}

    def number(self, name: str) -> tuple[int, Number] | None:
        """Address and kind of the number ``name``; None when there is no such number."""
        address, kind = self._kinds.get(name, (0, None))
        return (address, kind) if isinstance(kind, Number) else None

    def byte(self, name: str) -> int | None:
        """The address of ``name`` if it is a value of one byte."""
        address, kind = self._kinds.get(name, (0, None))
        return address if isinstance(kind, Number | Truth | Choice) and kind.size == 1 else None

    def choices(self, path: str) -> tuple[str, ...]:
        """The words that the value at ``path`` can be; none when it is not an enum."""
        parts = path.split(".")
        kind: Kind | None = self._kinds.get(parts[0], (0, None))[1]
        for part in parts[1:]:
            if isinstance(kind, Row) and (kind.key or part.isdecimal()):
                kind = kind.element
                continue
            found = kind.child(part) if kind else None
            kind = found[1] if found else None
        return kind.words if isinstance(kind, Choice) else ()

    def encode(self, path: str, value: Any, read: Read) -> tuple[int, bytes]:
        """Where and what to write to make the value at ``path`` become ``value``.

        WrongPlace when there is no such value or it cannot become that.
        """
        parts = path.split(".")
        if parts[0] not in self._kinds:
            raise WrongPlace(f"`{parts[0]}` is not in the memory map")
        address, kind = self._kinds[parts[0]]
        for position, part in enumerate(parts[1:], 1):
            if isinstance(kind, Row) and kind.key and not part.isdecimal():
                raise WrongPlace(
                    f"write `{'.'.join(parts[:position])}` by slot, such as "
                    f"`{'.'.join(parts[:position])}.0.{kind.key}`"
                )
            found = kind.child(part)
            if found is None:
                raise WrongPlace(f"`{'.'.join(parts[:position])}` has no `{part}`")
            address, kind = address + found[0], found[1]
        try:
            data = kind.encode(value)
        except NotWritable as problem:
            raise WrongPlace(f"`{path}` cannot become {value!r}: {problem}") from None
        if isinstance(kind, Bit):
            before = read(address, 1)[0]
            data = bytes([before | kind.mask if value else before & ~kind.mask])
        return address, data


def _spans(kinds: Mapping[str, tuple[int, Kind]]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for start, end in sorted((address, address + kind.size) for address, kind in kinds.values()):
        if spans and start <= sum(spans[-1]) + _CLOSE:
            first, count = spans[-1]
            spans[-1] = (first, max(count, end - first))
        else:
            spans.append((start, end - start))
    return spans


def _in_span(spans: list[tuple[int, int]], address: int) -> tuple[int, int]:
    for index, (start, count) in enumerate(spans):
        if start <= address < start + count:
            return index, address - start
    raise LookupError(address)


def _kind(spec: ValueSpec) -> Kind:
    if spec.type in _NUMBERS:
        size, signed = _NUMBERS[spec.type]
        return Number(size, signed=signed, big_endian=spec.big_endian)
    if spec.type in ("bool", "bcd", "string") and spec.length < 1:
        raise WrongPlace("it must be at least 1", "length")
    match spec.type:
        case "bool":
            return Truth()
        case "bcd":
            return Decimal(spec.length)
        case "enum":
            return _choice(spec)
        case "bits":
            if not spec.bits:
                raise WrongPlace("`bits` is missing: the names of the bits, the lowest first")
            return Flags((len(spec.bits) + 7) // 8, spec.bits)
        case "string":
            return Text(spec.length, _letters(spec), spec.end)
        case "struct":
            return _table(spec)
        case "array":
            return _row(spec)
    known = ", ".join([*_NUMBERS, *_OTHERS])
    raise WrongPlace(f"`{spec.type}` is no type; there is: {known}", "type")


def _choice(spec: ValueSpec) -> Choice:
    if not spec.values:
        raise WrongPlace("`values` is missing: the words, or a table of word = number")
    words = spec.values
    if isinstance(words, list):
        words = {word: number for number, word in enumerate(words) if word}
    number = spec.of or "u8"
    if number not in _NUMBERS:
        raise WrongPlace(f"an enum is made of a number, not of `{number}`", "of")
    return Choice(_kind(ValueSpec(type=number, big_endian=spec.big_endian)), words)


def _letters(spec: ValueSpec) -> dict[int, str]:
    if spec.letters is None:
        return {code: chr(code) for code in range(0x20, 0x7F)}
    letters: dict[int, str] = {}
    for first, run in spec.letters.items():
        try:
            start = int(first, 0)
        except ValueError:
            raise WrongPlace(f"`{first}` is no number of a letter", "letters") from None
        letters |= {start + offset: letter for offset, letter in enumerate(run)}
    return letters


def _table(spec: ValueSpec) -> Table:
    if not spec.fields:
        raise WrongPlace("`fields` is missing: the values inside, each with its offset")
    fields: dict[str, tuple[int, Kind]] = {}
    end = 0
    for name, field in spec.fields.items():
        try:
            if field.address is not None:
                raise WrongPlace("a field has an `offset`, not an address", "address")
            if isinstance(field.count, str):
                raise WrongPlace("a row inside another value has a fixed number", "count")
            kind = _kind(field)
        except WrongPlace as problem:
            raise problem.below("fields", name) from None
        # Without an offset, a field follows the one before it.
        offset = end if field.offset is None else field.offset
        fields[name] = (offset, kind)
        end = offset + kind.size
    return Table(fields, max(offset + kind.size for offset, kind in fields.values()))


def _row(spec: ValueSpec) -> Row:
    if spec.fields:
        element: Kind = _table(spec)
    else:
        whole = msgspec.structs.replace(spec, type=spec.of or "u8", of=None)
        if whole.type == "array":
            raise WrongPlace("a row of rows is made with `fields`", "of")
        element = _kind(whole)
    count = spec.at_most if isinstance(spec.count, str) else spec.count
    if count is None and spec.keys:
        count = len(spec.keys)
    if count is None or count < 1:
        raise WrongPlace(
            "say how many there are with `count`, or with `keys`, or with the name of the number "
            "that counts them as `count` and their most as `at_most`"
        )
    if spec.keys and len(spec.keys) != count:
        raise WrongPlace(f"there are {len(spec.keys)} names for {count} elements", "keys")
    if spec.key and not (
        isinstance(element, Table)
        and isinstance(element.fields.get(spec.key, (0, element))[1], Choice)
    ):
        raise WrongPlace(f"`{spec.key}` is no enum among the fields", "key")
    stride = spec.stride or element.size
    if stride < element.size:
        raise WrongPlace(f"it is smaller than an element, {element.size} bytes", "stride")
    return Row(element, count, stride, keys=spec.keys or (), key=spec.key, empty=spec.empty)
