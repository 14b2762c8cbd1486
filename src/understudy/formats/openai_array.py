"""The pretty array file ``training_data.json``: appended in place, whole after every append.

The closing bracket is overwritten by the next example and written anew behind it, so that an
append costs the same whatever the file already holds. A kill in the middle leaves a torn tail,
which the next writer cuts back to the last whole example. Files that other collectors began are
continued in place in whatever layout they have; what cannot be read as an array is kept under
another name. `array_rewrite` replaces whole files.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from understudy.errors import FormatError, StorageError
from understudy.formats._array_guard import (
    locked,
    read_checked,
    refusals,
    unused_name,
    write_checked,
)
from understudy.formats._array_layout import (
    BETWEEN,
    CLOSE,
    OPEN,
    check_element,
    decode_element,
    encode_alone,
)
from understudy.formats._array_scan import BOM, ArrayScanner
from understudy.store.atomic import write_atomic

_log = logging.getLogger(__name__)

_REMEMBER_EVERY = 32 << 20
_COMPARED = 64
_LONGEST_TAIL = 64
_PROGRESS_S = 5.0


@dataclass(frozen=True, slots=True)
class SkippedElement:
    """An element that `iterate_array` passed over."""

    index: int
    """Its place in the array, from 0."""
    offset: int
    """Its first byte in the file."""
    reason: str


def iterate_array(
    path: Path | str, *, report: Callable[[SkippedElement], None] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The examples of an array file with their index, one in memory at a time.

    Any layout of a JSON array in UTF-8 is read. Elements that are no JSON objects, and a torn end,
    go to ``report`` (else to the log) and are passed over. Raises StorageError when the file cannot
    be read and FormatError when it is no array.
    """
    path = Path(path)
    skip = report or (
        lambda bad: _log.warning("%s: element %d skipped: %s", path, bad.index, bad.reason)
    )
    with refusals(path), open(path, "rb", buffering=0) as file:
        scanner = ArrayScanner(file, decode_element)
        index = -1
        bad = 0
        for element in scanner:
            index = element.index
            if element.problem is not None:
                bad += 1
                skip(SkippedElement(index, element.start, f"it is not JSON: {element.problem}"))
            elif isinstance(element.value, dict):
                yield index, element.value
            else:
                kind = type(element.value).__name__
                skip(SkippedElement(index, element.start, f"it is a {kind}, not an object"))
        if not scanner.opened:
            raise FormatError(f"the file is no JSON array: {scanner.problem}", path=path)
        if scanner.ended_badly is not None:
            skip(SkippedElement(index + 1, scanner.position, scanner.ended_badly))


@dataclass(slots=True)
class _Known:
    """What this writer knows about the file as it last saw it."""

    inode: int
    size: int
    mtime_ns: int
    end: int
    """Offset behind the last element; 0 in an array without elements."""
    count: int
    before_end: bytes
    """The last bytes before ``end``: tell whether another program wrote something else there."""
    tail: bytes
    """What stood behind ``end``: the closing bracket with its white space."""


class ArrayFile:
    """Appends examples to the array file at ``path``; safe with other threads and processes.

    An existing file is checked, and repaired or kept aside, on construction and whenever another
    program has changed it; what was done to it goes to ``notify`` as a sentence (to the log without
    one) and into ``notices``. A file that is not there is begun with the first append. With
    ``sync`` an example has reached the disk when ``append`` returns.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        sync: bool = True,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.path = Path(os.path.realpath(path))
        self.sync = sync
        self.notices: list[str] = []
        self._notify = notify or _log.warning
        self._known: _Known | None = None
        self._unremembered = 0
        self._renew_locks()
        if os.path.lexists(self.path):
            with self._held(), self._opened() as file:
                self._look(file)

    def append(self, example: dict[str, Any]) -> None:
        """Add ``example`` as the last element.

        Raises FormatError when it cannot be written as JSON and StorageError when the disk refuses;
        the file is then as it was before.
        """
        if not isinstance(example, dict):
            raise FormatError(
                f"an example is a JSON object, not a {type(example).__name__}; nothing was written",
                path=self.path,
            )
        alone = encode_alone(example)
        with self._held():
            try:
                with self._opened() as file:
                    known = self._look(file)
                    if known is not None and known.end:
                        self._known = None
                        self._known = self._write_behind(file, known, alone)
                        return
            except FileNotFoundError:
                if self._known is not None:
                    self._tell(
                        f"{self.path} has been removed; a new one holds what comes from now on "
                        "(`understudy dataset rebuild-array` writes it from the sessions)"
                    )
            self._begin(alone)

    @property
    def count(self) -> int:
        """How many elements the file held when this writer last looked."""
        return self._known.count if self._known is not None else 0

    def close(self) -> None:
        """Remember how far the file has been checked, which makes the next opening quick."""
        if self._known is None or not self._unremembered:
            return
        with self._held():
            try:
                with self._opened() as file:
                    if self._same_beginning(file, self._known):
                        self._remember(file, self._known)
            except FileNotFoundError:
                return

    def __enter__(self) -> ArrayFile:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # Holding the file

    def _renew_locks(self) -> None:
        self._process = os.getpid()
        self._thread_lock = threading.Lock()

    @contextmanager
    def _held(self) -> Iterator[None]:
        if self._process != os.getpid():
            # After a fork the parent's other threads may have held these; they do not exist here.
            self._renew_locks()
        with self._thread_lock, refusals(self.path):
            if self._known is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path):
                yield

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        # Opened anew for each append (some µs), so that no handle outlives a replaced file, keeps
        # Windows from replacing it, or is shared after a fork.
        with open(self.path, "r+b", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StorageError(
                    f"{self.path} is not an ordinary file; choose another name for the array file"
                )
            yield file

    # Knowing where its last element ends

    def _look(self, file: BinaryIO) -> _Known | None:
        """Bring ``_known`` up to date; None when the file was empty or had to be kept aside."""
        facts = os.fstat(file.fileno())
        known = self._known
        if known is not None:
            if (known.inode, known.size, known.mtime_ns) == (
                facts.st_ino,
                facts.st_size,
                facts.st_mtime_ns,
            ):
                return known
            if known.end and self._same_beginning(file, known):
                return self._scan(file, start=known.end, count=known.count)
        self._known = None
        checked = read_checked(self.path, file)
        if checked is not None:
            return self._scan(file, start=checked.end, count=checked.count)
        return self._scan(file, start=0, count=0)

    def _same_beginning(self, file: BinaryIO, known: _Known) -> bool:
        facts = os.fstat(file.fileno())
        if facts.st_ino != known.inode or facts.st_size < known.end:
            return False
        file.seek(known.end - len(known.before_end))
        return file.read(len(known.before_end)) == known.before_end

    def _scan(self, file: BinaryIO, *, start: int, count: int) -> _Known | None:
        """Walk over what is not known yet; ``start`` > 0 means that what follows is ours."""
        scanner = ArrayScanner(file, check_element, start=start, index=count)
        told = time.monotonic()
        for element in scanner:
            if element.problem is not None:
                break
            if time.monotonic() - told > _PROGRESS_S:
                told = time.monotonic()
                _log.info("checking %s: %d MB read", self.path, scanner.position >> 20)
        if scanner.problem is None:
            self._known = self._facts(file, scanner.elements_end, scanner.count)
            if start == 0 and scanner.elements_end:
                self._remember(file, self._known)
            return self._known
        if start > 0:
            return self._cut(file, scanner)
        self._set_aside(file, scanner)
        return None

    def _facts(self, file: BinaryIO, end: int, count: int) -> _Known:
        facts = os.fstat(file.fileno())
        begin = max(0, end - _COMPARED)
        file.seek(begin)
        before_end = file.read(end - begin)
        tail = file.read(_LONGEST_TAIL + 1)
        if len(tail) > _LONGEST_TAIL:
            tail = CLOSE
        return _Known(facts.st_ino, facts.st_size, facts.st_mtime_ns, end, count, before_end, tail)

    def _remember(self, file: BinaryIO, known: _Known) -> None:
        write_checked(self.path, file, end=known.end, count=known.count)
        self._unremembered = 0

    # Putting right what a kill or another program left

    def _cut(self, file: BinaryIO, scanner: ArrayScanner) -> _Known:
        end = scanner.elements_end
        file.seek(end)
        torn = _read_all(file)
        kept = ""
        if torn.strip(b" \t\r\n,[]{}\0"):
            aside = unused_name(self.path, "cut")
            write_atomic(aside, torn)
            kept = f" and kept as {aside.name}"
        file.seek(end)
        _write_all(file, CLOSE)
        file.truncate(end + len(CLOSE))
        os.fsync(file.fileno())
        self._tell(
            f"{self.path} was not whole behind its {scanner.count} examples ({scanner.problem}), "
            f"as after a killed program; {len(torn)} bytes were cut{kept}"
        )
        self._known = self._facts(file, end, scanner.count)
        return self._known

    def _set_aside(self, file: BinaryIO, scanner: ArrayScanner) -> None:
        file.seek(0)
        if os.fstat(file.fileno()).st_size < 4096 and not _read_all(file).strip(BOM + b" \t\r\n"):
            return
        file.close()
        aside = unused_name(self.path, "unreadable")
        self.path.rename(aside)
        self._tell(
            f"{self.path} cannot be read as a JSON array ({scanner.problem}, at byte "
            f"{scanner.problem_at}); it is kept as {aside.name} and a new file is begun"
        )

    def _tell(self, notice: str) -> None:
        self.notices.append(notice)
        self._notify(notice)

    # Writing

    def _begin(self, alone: bytes) -> None:
        """Start the file with its first element, in one step."""
        self._known = None
        write_atomic(self.path, alone, sync=self.sync)
        with self._opened() as file:
            known = self._facts(file, len(alone) - len(CLOSE), 1)
            self._remember(file, known)
        self._known = known

    def _write_behind(self, file: BinaryIO, known: _Known, alone: bytes) -> _Known:
        """Let the comma and the element, with a new closing bracket, take the old one's place."""
        # The comma goes where the opening bracket of the element's own array stands. Copying the
        # text to join the two would cost more (in page faults) than a second small write.
        size = known.end + len(alone)
        try:
            if known.size > size:
                file.truncate(known.end)
            file.seek(known.end)
            _write_all(file, BETWEEN)
            _write_all(file, memoryview(alone)[len(OPEN) :])
            if self.sync:
                os.fsync(file.fileno())
        except BaseException:
            file.seek(known.end)
            _write_all(file, known.tail)
            file.truncate(known.end + len(known.tail))
            raise
        facts = os.fstat(file.fileno())
        written = _Known(
            facts.st_ino,
            facts.st_size,
            facts.st_mtime_ns,
            size - len(CLOSE),
            known.count + 1,
            alone[max(len(OPEN), len(alone) - len(CLOSE) - _COMPARED) : -len(CLOSE)],
            CLOSE,
        )
        self._unremembered += len(alone)
        if self._unremembered > _REMEMBER_EVERY:
            self._remember(file, written)
        return written


def _write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """An unbuffered file may take less than it is given; then the rest, or the reason, follows."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _read_all(file: BinaryIO) -> bytes:
    """From the present position; for tails, which are short."""
    pieces = []
    while piece := file.read(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)
