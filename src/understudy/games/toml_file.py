"""A TOML file that knows the line of each of its keys, so that an error can say where it is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from understudy.errors import GameError

Place = tuple[str | int, ...]
"""Where something stands in the file: ``("tasks", 3, "check", "all", 0)``."""

T = TypeVar("T")

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")
_WHERE = re.compile(r" - at `(?:key in )?\$([^`]*)`")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")


class WrongPlace(Exception):  # noqa: N818 - turned into a GameError with file and line
    """Something in a file is wrong; ``place`` is relative to what was being read."""

    def __init__(self, message: str, *place: str | int) -> None:
        super().__init__(message)
        self.message = message
        self.place: Place = place

    def below(self, *place: str | int) -> WrongPlace:
        """The same problem, seen from further up."""
        return WrongPlace(self.message, *place, *self.place)


class TomlFile:
    """One file, read: its ``data``, and the line of whatever stands in it."""

    def __init__(self, path: Path) -> None:
        """GameError when ``path`` cannot be read or is not TOML."""
        self.path = path
        try:
            text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
            self.data: dict[str, Any] = tomllib.loads(text)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise GameError(
                f"{path} cannot be read ({reason}); name the TOML file of a game"
            ) from error
        except UnicodeDecodeError as error:
            raise GameError(f"{path} is not UTF-8 text; save it as UTF-8") from error
        except (ValueError, RecursionError) as error:
            raise GameError(f"{path} is not valid TOML: {error}; mend that place") from error
        self._lines = _lines_of(text)

    def line_of(self, place: Place) -> int:
        """The line of ``place``, or of the nearest thing around it that has a line; from 1."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._lines:
                return self._lines[place[:length]]
        return 1

    def error(self, message: str, *place: str | int) -> GameError:
        """The GameError that says ``message`` about ``place``."""
        where = f" ({_written(place)})" if place else ""
        return GameError(f"{self.path}, line {self.line_of(place)}{where}: {message}")

    def as_struct(self, kind: type[T]) -> T:
        """The whole file as ``kind``; GameError for an unknown key or a value of another type."""
        try:
            return msgspec.convert(self.data, kind)
        except msgspec.ValidationError as error:
            text = str(error)
            found = _WHERE.search(text)
            place = _place_in(found.group(1), self.data) if found else ()
            message = _WHERE.sub("", text)
            unknown = re.search(r"unknown field `([^`]+)`", message)
            if unknown:
                place = (*place, unknown.group(1))
                message = f"the key `{unknown.group(1)}` is unknown"
            raise self.error(f"{message[:1].lower()}{message[1:]}", *place) from error


def _written(place: Place) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).removeprefix(".")


def _place_in(path: str, data: Any) -> Place:
    """The place behind msgspec's ``.tasks[3].check``; ``[...]`` stands for any key of a table."""
    place: list[str | int] = []
    for name, index in _STEP.findall(path):
        if index == "...":
            return tuple(place)
        place.append(name or int(index))
    return tuple(place)


def _lines_of(text: str) -> dict[Place, int]:
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    closing = ""
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        if closing:
            if closing in line:
                closing = ""
            continue
        header = _HEADER.match(line) if depth <= 0 else None
        key = _KEY.match(line) if depth <= 0 else None
        if header:
            table = _table(header.group(2), is_array=header.group(1) == "[[", counts=counts)
            lines.setdefault(table, number)
            continue
        if key:
            place = (*table, *_parts(key.group(1)))
            for length in range(len(table) + 1, len(place) + 1):
                lines.setdefault(place[:length], number)
        for quotes in ('"""', "'''"):
            if line.count(quotes) == 1:
                closing = quotes
        depth += _opened(line)
    return lines


def _opened(line: str) -> int:
    """By how many brackets the line goes deeper into a value of several lines."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*', "", line)
    return sum(bare.count(c) for c in "[{") - sum(bare.count(c) for c in "]}")


def _table(name: str, *, is_array: bool, counts: dict[Place, int]) -> Place:
    place: Place = ()
    parts = _parts(name)
    for position, part in enumerate(parts):
        place = (*place, part)
        if is_array and position == len(parts) - 1:
            counts[place] = counts.get(place, -1) + 1
            place = (*place, counts[place])
        elif place in counts:
            place = (*place, counts[place])
    return place


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
