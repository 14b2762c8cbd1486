"""Reading a file of JSON lines: every good line with its number, every bad one with its reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from understudy.errors import StorageError
from understudy.formats._array_layout import decode_element
from understudy.formats._array_scan import BOM

_LONGEST_LINE = 1 << 28

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was passed over."""

    line: int
    """From 1."""
    reason: str


Report = Callable[[BadLine], None]


def read_json_lines(
    path: Path | str, validate: Callable[[Any], list[str]], *, report: Report | None = None
) -> Iterator[tuple[int, Any]]:
    """The lines of ``path`` that ``validate`` has no reason against, one in memory at a time.

    Lines that are no JSON or have reasons against them go to ``report`` (else to the log); empty
    lines are ignored. Raises StorageError when the file cannot be read.
    """
    path = Path(path)
    skip = report or logged(path)
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(_lines(file), start=1):
                if number == 1:
                    line = line.removeprefix(BOM)
                if not line.strip():
                    continue
                try:
                    value = decode_element(line)
                except ValueError as error:
                    skip(BadLine(number, f"it is not JSON: {error}"))
                    continue
                reasons = validate(value)
                if reasons:
                    skip(BadLine(number, "; ".join(reasons)))
                else:
                    yield number, value
    except OSError as error:
        raise unreadable(path, error) from error


def logged(path: Path) -> Report:
    """The report where nobody asked for one: a warning in the log."""
    return lambda bad: _log.warning("%s, line %d: %s", path, bad.line, bad.reason)


def unreadable(path: Path, error: OSError) -> StorageError:
    """What to raise when the system does not let a file be read."""
    reason = (error.strerror or str(error)).lower()
    return StorageError(f"{path} cannot be read ({reason}); check the name and its permissions")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines of at most 256 MB: a file without line ends is no reason to fill the memory."""
    while line := file.readline(_LONGEST_LINE):
        yield line
