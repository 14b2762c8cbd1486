"""Where a training works until its version is made: a folder that outlives a kill.

Each has a lock, held while it is worked in, so that two trainings of one model never meet and one
that was killed is found and gone on with.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from understudy.store.building_place import refusals
from understudy.store.ulids import new_ulid
from understudy.store.versions import check_name
from understudy.train.watching import finished_checkpoints

if TYPE_CHECKING:
    from understudy.store.folder import WorkspaceFolder


@contextlib.contextmanager
def run_folder(workspace: WorkspaceFolder, name: str, *, resume: bool) -> Iterator[Path]:
    """A folder for a training of the model ``name``; removed when the training comes to its end.

    With ``resume`` the newest one that was interrupted, where there is one; else an empty one, and
    what was interrupted before is given up. Raises StorageError as the disk does.
    """
    place = workspace.internal / "training" / check_name(name, "model")
    with refusals(place):
        place.mkdir(parents=True, exist_ok=True)
    folder, lock = _interrupted(place) if resume else (None, None)
    if folder is None or lock is None:
        abandon(workspace, name)
        folder = place / new_ulid()
        lock = _lock_of(folder)
        lock.acquire()
        with refusals(folder):
            folder.mkdir()
    try:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if not finished_checkpoints(folder):  # nothing to go on with
            shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        if not folder.exists():
            Path(lock.lock_file).unlink(missing_ok=True)


def abandon(workspace: WorkspaceFolder, name: str) -> int:
    """Remove what interrupted trainings of ``name`` left; returns the bytes freed."""
    place = workspace.internal / "training" / check_name(name, "model")
    freed = 0
    for folder in place.iterdir() if place.is_dir() else ():
        if not folder.is_dir():
            continue
        lock = _lock_of(folder)
        try:
            lock.acquire(blocking=False)
        except Timeout:  # somebody works in it
            continue
        freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
    return freed


def _interrupted(place: Path) -> tuple[Path | None, FileLock | None]:
    """The newest folder with a checkpoint that nobody works in, and its lock, held."""
    for folder in sorted(place.iterdir(), reverse=True):
        if not folder.is_dir() or not finished_checkpoints(folder):
            continue
        lock = _lock_of(folder)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        return folder, lock
    return None, None


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder.with_suffix(".lock"))
