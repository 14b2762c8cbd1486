"""The trace on disk: ``trace.jsonl``, checked lines appended in groups.

One write and, where asked for, one fsync serve all steps that wait at that moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from understudy.session.steps import Step, decode_step
from understudy.store.atomic import sync_folder
from understudy.store.checked_lines import whole_lines


class TraceFileWriter:
    """Appends encoded, checked lines; a failed write raises OSError and changes nothing."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._fd = os.open(path, flags, 0o644)
        self._end = os.fstat(self._fd).st_size
        self._unnamed = path.parent if self._end == 0 else None
        """The folder to sync with the first lines: a file is only there when its name is, too."""

    @property
    def bytes_written(self) -> int:
        return self._end

    def write(self, lines: list[bytes], *, sync: bool) -> None:
        data = memoryview(b"".join(lines))
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
            if sync:
                self.sync()
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(data)

    def sync(self) -> None:
        os.fsync(self._fd)
        if self._unnamed is not None:
            sync_folder(self._unnamed)
            self._unnamed = None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def read_trace(path: Path) -> Iterator[Step]:
    """The whole lines of a trace as typed steps, in order, one in memory at a time."""
    if not path.exists():
        return
    for number, line in enumerate(whole_lines(path), start=1):
        yield decode_step(line, where=f"line {number} of {path}")
