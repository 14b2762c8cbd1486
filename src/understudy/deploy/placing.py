"""Putting a folder where an app looks for it, in one step: the app sees the old one or the new one.

Where the system can exchange two folders (Linux, macOS) there is no moment in between. Elsewhere
the old one is moved aside first, and moved back should the process live on; after a kill at just
that moment the next deployment does it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sys
from pathlib import Path

from understudy.store.atomic import sync_folder
from understudy.store.building_place import refusals

_NEW, _OLD = ".new", ".old"
_AT_CWD = -100
_EXCHANGE = 2
"""RENAME_EXCHANGE of Linux and RENAME_SWAP of macOS."""


def place_folder(source: Path, target: Path) -> None:
    """Make ``target`` a copy of ``source``. Raises StorageError and leaves what was there.

    All of ``target`` is replaced; what another process writes into it meanwhile is lost.
    """
    new, old = (target.with_name(f".{target.name}{ending}") for ending in (_NEW, _OLD))
    with refusals(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if old.exists() and not target.exists():
            old.rename(target)
        for leftover in (new, old):
            if leftover.exists():
                shutil.rmtree(leftover)
        try:
            # Files as everybody's: weights are written for their owner alone.
            shutil.copytree(source, new, copy_function=shutil.copyfile)
            _reach_the_disk(new)
            _swap(new, old, target)
        finally:
            for leftover in (new, old):
                shutil.rmtree(leftover, ignore_errors=True)


def _swap(new: Path, old: Path, target: Path) -> None:
    if target.exists() and _exchanged(new, target):
        return
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    sync_folder(target.parent)


def _exchanged(one: Path, other: Path) -> bool:
    """Give each of two folders the other's name at once; False where the system cannot."""
    names = (os.fsencode(one), os.fsencode(other))
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(library.renamex_np(*names, ctypes.c_uint(_EXCHANGE)) == 0)
        if sys.platform == "linux":
            at = ctypes.c_int(_AT_CWD)
            return bool(library.renameat2(at, names[0], at, names[1], _EXCHANGE) == 0)
    return False


def _reach_the_disk(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        else:
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
    sync_folder(folder)
