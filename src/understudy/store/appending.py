"""Adding checked lines to a file that several processes may add to, now and then.

For records that are rare: exports, marks, feedback. A session's trace has a writer of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from understudy.errors import StorageError
from understudy.store.atomic import sync_folder
from understudy.store.checked_lines import line_is_whole, seal_line

_PIECE = 64 * 1024


def append_checked(path: Path, objects: Iterable[Any], *, sync: bool = True) -> int:
    """Add each object (a non-empty mapping or struct) as a checked line, all or none of them.

    A tail that a killed process left torn is cut off first; returns how many bytes that were.
    With ``sync`` the lines have reached the disk on return. Raises StorageError when the disk
    refuses, with the file as it was.
    """
    from filelock import FileLock

    data = b"".join(seal_line(msgspec.json.encode(item)) for item in objects)
    if not data:
        return 0
    try:
        with FileLock(path.with_name(f".{path.name}.lock")):
            is_new = not path.exists()
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(path, flags, 0o666), "r+b", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                end, missing = _end_of_whole_lines(file, size)
                file.truncate(end)
                _write_or_cut_back(file, end, missing + data, sync=sync)
            if is_new and sync:
                sync_folder(path.parent)
            return size - end
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{path} cannot be added to ({reason}); check the folder, its permissions and the "
            "free space"
        ) from error


def _end_of_whole_lines(file: Any, size: int) -> tuple[int, bytes]:
    """Where the last finished line ends, and the newline that a whole last line may lack."""
    tail = b""
    start = size
    while start > 0 and b"\n" not in tail:
        end_of_piece, start = start, max(0, start - _PIECE)
        file.seek(start)
        tail = file.read(end_of_piece - start) + tail
    unfinished = tail[tail.rfind(b"\n") + 1 :]
    if unfinished and line_is_whole(unfinished):
        return size, b"\n"
    return size - len(unfinished), b""


def _write_or_cut_back(file: Any, end: int, data: bytes, *, sync: bool) -> None:
    file.seek(end)
    try:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        if sync:
            os.fsync(file.fileno())
    except OSError:
        file.truncate(end)
        raise
