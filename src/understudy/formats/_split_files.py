"""One stream of texts into files of a largest size, put in their places together at the end."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from understudy.errors import FormatError, StorageError
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder


class SplitFiles:
    """Writes ``head``, texts with ``between`` them, and ``tail`` into as many files as it takes.

    One file is ``output`` itself; more are ``NAME-00001-of-0000N.SUFFIX``. Until ``finish`` they
    have temporary names, and ``abandon`` removes them. Errors are StorageError.
    """

    def __init__(
        self,
        output: Path,
        *,
        max_bytes: int | None,
        head: bytes = b"",
        between: bytes = b"",
        tail: bytes = b"",
    ) -> None:
        self._output = output
        self._max_bytes = max_bytes
        self._head, self._between, self._tail = head, between, tail
        self._parts: list[Path] = []
        self._file: BinaryIO | None = None
        self._size = 0
        self._mark = secrets.token_hex(6)
        if output.is_dir():
            raise StorageError(f"{output} is a folder; name the file that is to be written")

    def add(self, text: bytes) -> None:
        """Write one text; FormatError when it alone is larger than a file may be."""
        frame = len(self._head) + len(self._tail)
        if self._max_bytes is not None and len(text) + frame > self._max_bytes:
            raise FormatError(
                f"it is {len(text)} bytes, more than the {self._max_bytes} that a file may hold"
            )
        with self._refusals():
            if self._file is not None and self._max_bytes is not None:
                size = self._size + len(self._between) + len(text) + len(self._tail)
                if size > self._max_bytes:
                    self._end_part()
            if self._file is None:
                self._file = self._begin_part()
            else:
                self._size += self._file.write(self._between)
            self._size += self._file.write(text)

    def finish(self) -> list[Path]:
        """Put the files in their places; return them in order. An export of nothing is one file."""
        with self._refusals():
            if self._file is None:
                self._file = self._begin_part()
            self._end_part()
            places = self._places()
            for part, place in zip(self._parts, places, strict=True):
                part.replace(place)
            self._parts = []
            sync_folder(self._output.parent)
        return places

    def abandon(self) -> None:
        """Remove what was written so far."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        for part in self._parts:
            with contextlib.suppress(OSError):
                part.unlink()
        self._parts = []

    def leftovers(self, written: list[Path]) -> list[Path]:
        """Files of an earlier export to the same place that this one did not replace."""
        name = re.escape(self._output.stem)
        pattern = re.compile(rf"{name}-\d{{5}}-of-\d{{5}}{re.escape(self._output.suffix)}")
        mine = set(written)
        return sorted(
            path
            for path in self._output.parent.iterdir()
            if path not in mine and (path == self._output or pattern.fullmatch(path.name))
        )

    def _begin_part(self) -> BinaryIO:
        self._output.parent.mkdir(parents=True, exist_ok=True)
        part = self._output.with_name(
            f".{self._output.name}.{self._mark}-{len(self._parts)}{TEMPORARY_SUFFIX}"
        )
        file = open(part, "xb")  # noqa: SIM115 - closed by `_end_part` or `abandon`
        self._parts.append(part)
        self._size = file.write(self._head)
        return file

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.write(self._tail)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _places(self) -> list[Path]:
        amount = len(self._parts)
        if amount == 1:
            return [self._output]
        stem, suffix = self._output.stem, self._output.suffix
        return [
            self._output.with_name(f"{stem}-{number:05}-of-{amount:05}{suffix}")
            for number in range(1, amount + 1)
        ]

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.abandon()
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"{self._output} cannot be written ({reason}); check its folder, the permissions "
                "and the free space"
            ) from error


class ExampleWriter:
    """Writes validated examples for an export; nothing is in its place before ``finish``."""

    def __init__(self, files: SplitFiles, encode: Callable[[Any], bytes]) -> None:
        self._files = files
        self._encode = encode
        self.count = 0
        self.lost: Counter[str] = Counter()

    def write(self, example: Any) -> None:
        """Add one example; FormatError when it cannot be written, StorageError as the disk does."""
        self._files.add(self._encode(example))
        self.count += 1

    def finish(self) -> list[Path]:
        """The files, now in their places."""
        return self._files.finish()

    def leftovers(self, written: list[Path]) -> list[Path]:
        """Files of an earlier export of this name that do not belong to this one."""
        return self._files.leftovers(written)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._files.abandon()
