"""What lies beside an array file so that several writers and a kill cannot harm it.

``.NAME.lock`` is held while someone writes. ``.NAME.state`` remembers up to where the file has
been checked, so that opening a file of hundreds of megabytes reads only what came after; it is
written at most every 32 MB, and losing it costs one walk over the file. Both are hidden, lie in
the file's own folder (the only place that every program that shares the file can reach), and may
be deleted while nobody writes.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
from filelock import lock_descriptor, unlock_descriptor

from understudy.errors import StorageError
from understudy.store.atomic import write_atomic

LOCK_PATIENCE_S = 30.0
_POLL_S = 0.002
_FINGERPRINT = 4096


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the array file at ``path`` (resolved, so that links share the lock); not reentrant.

    Locks the descriptor of the lock file, which contends with ``filelock.FileLock`` on it and costs
    a tenth of that. Raises TimeoutError after `LOCK_PATIENCE_S`.
    """
    lock_file = path.with_name(f".{path.name}.lock")
    descriptor = _hold(lock_file)
    try:
        yield
    finally:
        try:
            unlock_descriptor(descriptor)
        finally:
            os.close(descriptor)


def _hold(lock_file: Path) -> int:
    deadline = time.monotonic() + LOCK_PATIENCE_S
    while True:
        descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            while not lock_descriptor(descriptor, blocking=False):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{lock_file} is held by another program")
                time.sleep(_POLL_S)
            # Whoever removed the lock file meanwhile made this one worthless: take the new one.
            if lock_file.exists() and os.path.samestat(lock_file.stat(), os.fstat(descriptor)):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def state_path(path: Path) -> Path:
    """Where the memory of what was checked lies."""
    return path.with_name(f".{path.name}.state")


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes [0, ``end``) of file ``inode`` are whole elements; what follows we wrote."""

    schema: int = 1
    inode: int
    end: int
    count: int
    crc: int
    """CRC-32 of the up to 4,096 bytes before ``end``: tells when someone else wrote the file."""


def checksum_before(file: BinaryIO, end: int) -> int:
    """The fingerprint of ``Checked`` for an offset."""
    begin = max(0, end - _FINGERPRINT)
    file.seek(begin)
    return zlib.crc32(file.read(end - begin))


def read_checked(path: Path, file: BinaryIO) -> Checked | None:
    """What is remembered of ``path``, when it still holds for the open ``file``."""
    try:
        checked = msgspec.json.decode(state_path(path).read_bytes(), type=Checked)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None
    facts = os.fstat(file.fileno())
    if checked.schema != 1 or facts.st_ino != checked.inode or facts.st_size < checked.end:
        return None
    return checked if checksum_before(file, checked.end) == checked.crc else None


def write_checked(path: Path, file: BinaryIO, *, end: int, count: int) -> None:
    """Remember that ``file`` is whole up to ``end``; what it says has reached the disk before."""
    os.fsync(file.fileno())
    checked = Checked(
        inode=os.fstat(file.fileno()).st_ino,
        end=end,
        count=count,
        crc=checksum_before(file, end),
    )
    write_atomic(state_path(path), msgspec.json.encode(checked), sync=False)


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the file system says about ``path`` into one sentence."""
    try:
        yield
    except TimeoutError as error:
        raise StorageError(
            f"{path} has been held by another program for {LOCK_PATIENCE_S:.0f} s; end that "
            "program or choose another file"
        ) from error
    except OSError as error:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises without permission
            raise StorageError(
                f"{path} is a folder where the array file belongs; move it away or choose another "
                "name"
            ) from error
        for parent in path.parents:
            if os.path.isfile(parent):  # noqa: PTH113 - as above
                raise StorageError(
                    f"{parent} is a file where the folder of the array file belongs; move it away "
                    "or choose another name"
                ) from error
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{path} cannot be read or written ({reason}); check its permissions, those of its "
            "folder, and the free space"
        ) from error


def unused_name(path: Path, word: str) -> Path:
    """``NAME.WORD-YYYYMMDD-HHMMSS`` beside ``path`` (UTC), with a number where that is taken."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    name = f"{path.name}.{word}-{stamp}"
    candidate = path.with_name(name)
    number = 1
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{name}-{number}")
    return candidate
