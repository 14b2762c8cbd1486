"""Where a version is built before it takes its place, so that nothing unfinished is ever seen.

The folder lies beside the versions, not among them, and is held by a lock: what a killed build left
behind is found by that and removed by the next one.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from understudy.errors import StorageError
from understudy.store.atomic import sync_folder
from understudy.store.ulids import new_ulid

if TYPE_CHECKING:
    from understudy.store.folder import WorkspaceFolder

_PATIENCE_S = 600.0


@contextlib.contextmanager
def building_place(workspace: WorkspaceFolder) -> Iterator[Path]:
    """An empty folder on the disk of the workspace, gone afterwards unless it was moved."""
    place = workspace.internal / "building"
    folder = place / new_ulid()
    with refusals(place):
        place.mkdir(parents=True, exist_ok=True)
        _sweep(place)
        lock = FileLock(folder.with_suffix(".lock"))
        lock.acquire()
        folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


@contextlib.contextmanager
def publishing(workspace: WorkspaceFolder, kind: str, name: str) -> Iterator[None]:
    """Hold the right to add a version to the dataset, model or bundle ``name``."""
    locks = workspace.internal / "locks"
    with refusals(locks):
        locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{kind}.{name}.lock", timeout=_PATIENCE_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise StorageError(
            f"another process has been finishing a version of the {kind} {name!r} for "
            f"{_PATIENCE_S:.0f} s; try again when it is done"
        ) from error
    try:
        yield
    finally:
        lock.release()


def move_into_place(folder: Path, target: Path) -> None:
    """Make ``folder`` the version ``target`` in one step. Raises StorageError."""
    with refusals(target):
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir():
                sync_folder(path)
        sync_folder(folder)
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
        sync_folder(target.parent)
        sync_folder(target.parent.parent)


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what the file system refuses into one sentence about it. Raises StorageError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{error.filename or path} cannot be written ({reason}); check the permissions and the "
            "free space"
        ) from error


def _sweep(place: Path) -> None:
    """Remove what builds left that were killed."""
    for folder in place.iterdir():
        if not folder.is_dir():
            continue
        lock = FileLock(folder.with_suffix(".lock"))
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
