"""Replacing a whole array file in one step: writing it anew, and taking examples out of it.

Kept apart from `openai_array`, which only ever touches the end of a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from understudy.errors import FormatError
from understudy.formats._array_guard import locked, refusals, unused_name, write_checked
from understudy.formats._array_layout import (
    BETWEEN,
    CLOSE,
    OPEN,
    check_element,
    decode_element,
    encode_element,
)
from understudy.formats._array_scan import ArrayScanner
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder

_DIGEST_BYTES = 16
_TAIL = 4096


class _Draft:
    """A new array file under a temporary name."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")
        self.file: BinaryIO = open(self.path, "x+b")  # noqa: SIM115 - closed by `publish` or `drop`
        self.count = 0
        self.end = 0

    def add(self, text: bytes) -> None:
        self.end += self.file.write((BETWEEN if self.count else OPEN) + text)
        self.count += 1

    def publish(self, path: Path) -> None:
        """Close the array and put it in the place of ``path``, durably."""
        self.file.write(CLOSE if self.count else OPEN + CLOSE.strip())
        self.file.flush()
        if path.exists():
            self.path.chmod(path.stat().st_mode & 0o7777)
        os.fsync(self.file.fileno())
        self.path.replace(path)
        sync_folder(path.parent)
        if self.count:
            write_checked(path, self.file, end=self.end, count=self.count)
        self.file.close()

    def drop(self) -> None:
        self.file.close()
        with contextlib.suppress(OSError):
            self.path.unlink()


@contextlib.contextmanager
def _draft_of(path: Path) -> Iterator[_Draft]:
    with refusals(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
        draft = _Draft(path)
        try:
            yield draft
        except BaseException:
            draft.drop()
            raise


def write_array(
    path: Path | str, examples: Iterable[dict[str, Any]], *, keep_old: bool = False
) -> int:
    """Write an array file with ``examples``, in one step at the end; return how many it holds.

    Other programs may go on appending meanwhile: what they appended since the call began is taken
    over unless ``examples`` held the same. With ``keep_old`` a former file stays beside it as
    ``NAME.replaced-YYYYMMDD-HHMMSS``. Raises FormatError for an example that is no JSON object and
    StorageError when the disk refuses; the former file is then as it was.
    """
    path = Path(os.path.realpath(path))
    with _draft_of(path) as draft:
        with locked(path):
            before = _end_of_elements(path)
        written: set[bytes] = set()
        for number, example in enumerate(examples):
            text = encode_element(example, where=f"example {number}")
            written.add(_digest(text))
            draft.add(text)
        with locked(path):
            for text in _appended(path, before):
                if _digest(text) not in written:
                    draft.add(text)
            if keep_old and path.exists():
                _keep(path, unused_name(path, "replaced"))
            draft.publish(path)
    return draft.count


def remove_from_array(path: Path | str, unwanted: Callable[[dict[str, Any]], bool]) -> int:
    """Take the examples for which ``unwanted`` is true out of the file; return how many those were.

    All others stay byte for byte. Appending programs wait meanwhile. Raises FormatError, with
    nothing changed, when the file is no whole array.
    """
    path = Path(os.path.realpath(path))
    removed = 0
    with _draft_of(path) as draft, locked(path):
        with open(path, "rb", buffering=0) as file, open(path, "rb") as copy:
            scanner = ArrayScanner(file, decode_element)
            for element in scanner:
                if isinstance(element.value, dict) and unwanted(element.value):
                    removed += 1
                    continue
                copy.seek(element.start)
                draft.add(b"\n  " + copy.read(element.end - element.start))
            if scanner.problem is not None:
                raise FormatError(
                    f"the file is no whole JSON array ({scanner.problem}); nothing was removed",
                    path=path,
                )
        if removed:
            draft.publish(path)
        else:
            draft.drop()
    return removed


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()


def _end_of_elements(path: Path) -> tuple[int, int] | None:
    """(inode, offset behind the last element) of a file whose end looks whole, else None."""
    try:
        with open(path, "rb") as file:
            facts = os.fstat(file.fileno())
            file.seek(max(0, facts.st_size - _TAIL))
            tail = file.read().rstrip()
            if not tail.endswith(b"]"):
                return None
            # Counted from the end of what was read, so that white space behind it does not matter.
            begin = max(0, facts.st_size - _TAIL)
            return facts.st_ino, begin + len(tail[:-1].rstrip())
    except FileNotFoundError:
        return None


def _appended(path: Path, before: tuple[int, int] | None) -> Iterator[bytes]:
    """The texts of the elements that were appended behind the end seen ``before``."""
    if before is None or not path.exists():
        return
    inode, begin = before
    with open(path, "rb", buffering=0) as file, open(path, "rb") as copy:
        if os.fstat(file.fileno()).st_ino != inode:
            return
        for element in ArrayScanner(file, check_element, start=begin):
            if element.problem is None:
                copy.seek(element.start)
                yield b"\n  " + copy.read(element.end - element.start)


def _keep(path: Path, name: Path) -> None:
    """Give the old file a second name, so that there is no moment without it."""
    try:
        os.link(path, name)
    except OSError:
        # File systems without hard links.
        shutil.copy2(path, name)
