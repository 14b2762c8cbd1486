"""The memory map of a game: the named values, where they stand, and reading them all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from understudy.games.conditions import lookup
from understudy.games.toml_file import WrongPlace
from understudy.games.value_kinds import NUMBERS, Shared, ValueSpec, make_kind
from understudy.games.values import Bit, Choice, Kind, NotWritable, Number, Row, Truth

Read = Callable[[int, int], bytes]

_NAME = re.compile(r"[A-Za-z_]\w*")
_CLOSE = 24
"""Values at most this many bytes apart are read together."""


class MemoryMap:
    """Reads and writes the named values of a game."""

    def __init__(self, values: Mapping[str, ValueSpec], shared: Shared | None = None) -> None:
        """WrongPlace when a value of ``values`` makes no sense, with its place in the map."""
        self._kinds: dict[str, tuple[int, Kind]] = {}
        self._counted: list[tuple[str, str]] = []
        self.words = {name: spec.words for name, spec in values.items()}
        for name, spec in values.items():
            try:
                self._add(name, spec, values, shared or Shared())
            except WrongPlace as problem:
                raise problem.below(name) from None
        self.spans = _spans(self._kinds)
        self._found = [
            (name.split("."), *_in_span(self.spans, address), kind)
            for name, (address, kind) in self._kinds.items()
        ]
        # Most values do not change from step to step, and decoding costs as much as a step.
        self._last: list[tuple[bytes, Any]] = [(b"", None)] * len(self._found)

    def _add(
        self, name: str, spec: ValueSpec, values: Mapping[str, ValueSpec], shared: Shared
    ) -> None:
        parts = name.split(".")
        if not all(_NAME.fullmatch(part) for part in parts):
            raise WrongPlace("a name is made of letters, digits and _, and begins with no digit")
        for length in range(1, len(parts)):
            if ".".join(parts[:length]) in values:
                raise WrongPlace(f"`{'.'.join(parts[:length])}` is a value and cannot hold another")
        if spec.offset is not None:
            raise WrongPlace("`offset` is for the fields of a struct; say `address`", "offset")
        address = _address(spec, values)
        kind = make_kind(spec, shared)
        if not (address >= 0 and address + kind.size <= 0x10000):
            raise WrongPlace("it must lie between 0x0000 and 0xFFFF", "address")
        if isinstance(spec.count, str):
            counter = values.get(spec.count)
            if counter is None or counter.type not in NUMBERS or counter.count is not None:
                raise WrongPlace(f"`{spec.count}` is no number in this map", "count")
            if spec.key or spec.keys:
                raise WrongPlace("a row with names has a fixed number of elements", "count")
            self._counted.append((name, spec.count))
        self._kinds[name] = (address, kind)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values, in the order of the file."""
        return tuple(self._kinds)

    def read(self, read: Read) -> dict[str, Any]:
        """All values now, as ``decode`` gives them; ``read(address, count)`` gives the bytes."""
        return self.decode([read(address, count) for address, count in self.spans])

    def decode(self, parts: list[bytes]) -> dict[str, Any]:
        """All values from the bytes of each of ``spans``.

        What has not changed since the last time is the same object as then: leave it as it is.
        """
        values: dict[str, Any] = {}
        for index, (name, span, at, kind) in enumerate(self._found):
            data = parts[span][at : at + kind.size]
            if data != self._last[index][0]:
                self._last[index] = (data, kind.decode(data, 0))
            _put(values, name, self._last[index][1])
        for row, counter in self._counted:
            name = row.split(".")
            _put(values, name, lookup(values, row)[: lookup(values, counter)])
        return values

    def blank(self) -> dict[str, Any]:
        """The values of a memory full of zeros, every list as long as it can be."""
        values: dict[str, Any] = {}
        for name, (_, kind) in self._kinds.items():
            _put(values, name.split("."), kind.decode(bytes(kind.size), 0))
        return values

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
        name, parts = self._split(path)
        kind: Kind | None = self._kinds.get(name, (0, None))[1]
        for part in parts:
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
        name, parts = self._split(path)
        if name not in self._kinds:
            raise WrongPlace(f"`{path}` is not in the memory map")
        address, kind = self._kinds[name]
        for part in parts:
            if isinstance(kind, Row) and kind.key and not part.isdecimal():
                raise WrongPlace(
                    f"write `{name}` by slot, such as `{name}.0.{kind.key}`, and not by name"
                )
            found = kind.child(part)
            if found is None:
                raise WrongPlace(f"`{name}` has no `{part}`")
            address, kind, name = address + found[0], found[1], f"{name}.{part}"
        try:
            data = kind.encode(value)
        except NotWritable as problem:
            raise WrongPlace(f"`{path}` cannot become {value!r}: {problem}") from None
        if isinstance(kind, Bit):
            before = read(address, 1)[0]
            data = bytes([before | kind.mask if value else before & ~kind.mask])
        return address, data

    def _split(self, path: str) -> tuple[str, list[str]]:
        """The name of the value that ``path`` begins with, and the parts behind it."""
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            if ".".join(parts[:length]) in self._kinds:
                return ".".join(parts[:length]), parts[length:]
        return path, []


def _put(values: dict[str, Any], name: list[str], value: Any) -> None:
    for part in name[:-1]:
        values = values.setdefault(part, {})
    values[name[-1]] = value


def _address(spec: ValueSpec, values: Mapping[str, ValueSpec]) -> int:
    if spec.address is None:
        raise WrongPlace("`address` is missing, such as address = 0xC000")
    if isinstance(spec.address, int):
        return spec.address
    other = values.get(spec.address)
    if other is None or not isinstance(other.address, int):
        raise WrongPlace(f"`{spec.address}` is no value with an address of its own", "address")
    return other.address


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
