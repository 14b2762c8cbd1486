"""Folders and files on their way in or out, under hidden names that nobody takes for sessions.

Whatever is moved, unpacked, copied or removed passes through such a name, so that a kill leaves
either nothing visible or the whole. What a killed process left is swept away by the next one.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.errors import SessionError, StorageError
from understudy.store.atomic import sync_folder

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

_NAME = re.compile(r"\.([0-9A-HJKMNP-TV-Z]{26})\.(arriving|leaving|describing)")


def arriving(folder: Path, identity: str) -> Path:
    """Where something of the session is put together below ``folder`` until it is whole."""
    return folder / f".{identity}.arriving"


def remove_whole(folder: Path, identity: str) -> None:
    """Remove a session's folder: for everyone else it is gone in one step.

    Where it is gone already, what a killed removal left of it is removed.
    """
    leaving = folder.with_name(f".{identity}.leaving")
    clear(leaving)
    try:
        folder.rename(leaving)
        sync_folder(folder.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"{folder} could not be removed ({reason}); fix the permissions and run the command "
            "again"
        ) from error
    clear(leaving)


def settle_in(here: Path, runs: Path, directory: str) -> Path:
    """Give the finished folder ``here`` its place in ``runs``, with a suffix where that is taken.

    Raises StorageError as the disk does.
    """
    try:
        for attempt in range(1, 10_000):
            place = runs / (directory if attempt == 1 else f"{directory}-{attempt}")
            if not place.exists():
                here.rename(place)
                sync_folder(runs)
                return place
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"a session could not be put into {runs} ({reason}); fix the permissions"
        ) from error
    raise StorageError(f"{runs} has too many sessions named {directory}; clear it up")


def clear(path: Path) -> None:
    """Remove a file or folder of a hidden name, where there is one."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} could not be removed ({reason}); remove it by hand") from error


def sweep(workspace: Workspace) -> int:
    """Remove what killed processes left under hidden names; how many that were."""
    removed = 0
    for place in (workspace.runs, workspace.archive):
        for path in sorted(place.iterdir()):
            match = _NAME.fullmatch(path.name)
            if match is None:
                continue
            try:
                with workspace.exclusive(match.group(1)):
                    clear(path)
                    removed += 1
            except SessionError:  # another process is at work on it right now
                continue
    return removed
