"""Copies of folders and files that have reached the disk when the call returns."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from understudy.errors import SessionError, StorageError
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder

_PIECE = 1024 * 1024


def copy_folder(source: Path, target: Path) -> None:
    """Copy plain files and folders; locks and half-written files are passed over.

    Raises SessionError for anything else below ``source``, StorageError as the disk does.
    """
    try:
        target.mkdir()
        folders = [target]
        for path in sorted(source.rglob("*")):
            place = target / path.relative_to(source)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise SessionError(
                    f"{path} is neither a file nor a folder and is not copied; remove it first"
                )
            if path.is_dir():
                place.mkdir()
                folders.append(place)
            elif not path.name.endswith((TEMPORARY_SUFFIX, ".lock")) or _is_staged(path):
                copy_file(path, place)
        for folder in folders:
            sync_folder(folder)
    except OSError as error:
        raise _refused(source, target, error) from error


def copy_file(source: Path, target: Path) -> str:
    """Copy one file with its times; the SHA-256 of what was written. Raises StorageError."""
    digest = hashlib.sha256()
    try:
        with open(source, "rb") as old, open(target, "xb") as new:
            while piece := old.read(_PIECE):
                digest.update(piece)
                new.write(piece)
            new.flush()
            os.fsync(new.fileno())
        facts = source.stat()
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    except OSError as error:
        raise _refused(source, target, error) from error
    return digest.hexdigest()


def _is_staged(path: Path) -> bool:
    """Part of a rewriting that its journal may have decided already."""
    from understudy.session.keeping.rewrite import STAGED_SUFFIX

    return path.name.endswith(STAGED_SUFFIX)


def _refused(source: Path, target: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(
        f"{source} could not be copied to {target.parent} ({reason}); free space or fix the "
        "permissions"
    )
