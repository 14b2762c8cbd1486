"""Bringing what was written to the disk a little later, on a thread of its own.

A program that writes many small things in a row does not wait for the disk after each of them; a
power cut costs at most what was written within the interval. A kill costs nothing: what was written
is with the operating system.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

from understudy._util.at_exit import end_at_exit, forget_at_exit
from understudy.store.atomic import sync_folder

logger = logging.getLogger("understudy.store")


class LaterSync:
    """Syncs folders with all that lies in them within ``interval_s`` of being told of them."""

    def __init__(self, interval_s: float) -> None:
        self._interval = interval_s
        self._lock = threading.Lock()
        self._folders: dict[Path, None] = {}
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def add(self, folder: Path) -> None:
        """Sync ``folder``, and its own name in the folder above it, soon."""
        with self._lock:
            self._folders[folder] = None
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(
                    target=self._run, name="understudy-later-sync", daemon=True
                )
                self._thread.start()
                end_at_exit(self.close)

    def flush(self) -> None:
        """Sync now whatever waits."""
        with self._lock:
            folders, self._folders = list(self._folders), {}
        for folder in folders:
            try:
                _sync_tree(folder)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                logger.warning("%s could not be brought to the disk (%s)", folder, reason)
        for above in {folder.parent for folder in folders}:
            sync_folder(above)

    def close(self) -> None:
        """Sync what waits and end the thread; ``add`` starts another one."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join()
            forget_at_exit(self.close)
        self.flush()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.flush()


def _sync_tree(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            _sync_file(os.path.join(root, name))  # noqa: PTH118 - many files, and no Path of each
        sync_folder(Path(root))


def _sync_file(path: str) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:  # written anew or taken away meanwhile
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
