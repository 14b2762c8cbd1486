"""Copies of a player's memory (databases, emulator states) taken into a session."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from understudy.store.atomic import safe_slug, sync_folder, write_atomic

_SQLITE_MAGIC = b"SQLite format 3\x00"


def write_snapshot(content: bytes, folder: Path, name: str, *, sync: bool) -> Path:
    """Write ``content`` to ``folder/NAME``, whole or not at all. Raises StorageError."""
    folder.mkdir(exist_ok=True)
    target = _target(folder, name, "")
    write_atomic(target, content, sync=sync)
    return target


def copy_snapshot(source: Path, folder: Path, name: str) -> Path:
    """Copy ``source`` to ``folder/NAME`` with the source's ending; whole or not at all.

    Raises OSError or sqlite3.Error as the copying does.
    """
    folder.mkdir(exist_ok=True)
    target = _target(folder, name, source.suffix)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with open(source, "rb") as file:
            is_database = file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
        if is_database:
            with (
                contextlib.closing(
                    sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
                ) as old,
                contextlib.closing(sqlite3.connect(partial)) as new,
            ):
                old.backup(new)
        else:
            shutil.copyfile(source, partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(folder)
    return target


def _target(folder: Path, name: str, ending: str) -> Path:
    stem = Path(name).stem if Path(name).suffix else name
    ending = Path(name).suffix or ending
    return folder / f"{safe_slug(stem, 'snapshot')}{safe_slug(ending, '') and ending}"
