"""The doctor's look at a workspace: its settings, disk, catalog and sessions."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import filelock

from understudy._util.counting import counted
from understudy.errors import UnderstudyError
from understudy.pipeline.doctor_findings import Check, ok, problem, warning
from understudy.session.header import FILE_NAME as HEADER_NAME
from understudy.session.keeping.disk import DiskReport, disk_report
from understudy.session.workspace import Workspace
from understudy.store.atomic import TEMPORARY_SUFFIX, sync_folder
from understudy.store.catalog.schema import SessionRow
from understudy.store.folder import SETTINGS_NAME

_GIGABYTE = 1_000_000_000
_NEARLY_FULL = 0.1
"""With less than this part of ``warn_free_gb``, the next session may not fit any more."""
_SOON_DAYS = 30
_SKEW_S = 60.0
_STALE_S = 3600.0
"""A file that has been in the making for longer than this was left by a killed process."""
_NAMED = 3


def check_workspace(where: Path) -> Iterator[Check]:
    """All that concerns the workspace at ``where``."""
    if not (where / SETTINGS_NAME).exists() and not (where / ".understudy").exists():
        yield warning(
            "workspace", f"there is none at {where}; run `understudy init` to make one there"
        )
        return
    try:
        workspace = Workspace(where, create=False)
        yield ok("workspace", f"{where} has a layout that this version knows")
    except UnderstudyError as error:
        yield problem("workspace", str(error))
        return
    with workspace:
        yield from _folders(workspace)
        try:
            settings = workspace.settings
        except UnderstudyError as error:
            yield problem("settings", str(error))
            return
        if settings.mask.enabled:
            yield ok("settings", "they are valid")
        else:
            yield warning(
                "settings",
                "masking is off, so that secrets and personal data are stored as they are; set "
                "`enabled = true` in the section [mask] unless that is wanted",
            )
        try:
            rows = workspace.rows()
            yield from _catalog(workspace, rows)
            yield _space(workspace, disk_report(workspace))
        except UnderstudyError as error:
            yield problem("catalog", str(error))
            yield _space(workspace, None)  # a full disk may be why
            rows = []
        yield from _sessions(workspace, rows)
        yield _leftovers(workspace)


def _folders(workspace: Workspace) -> Iterator[Check]:
    """Whether everything can be written, synced and locked where it has to be."""
    refused = []
    for folder in (workspace.path, workspace.runs, workspace.datasets, workspace.archive):
        try:
            _try_writing(folder)
        except OSError as error:
            refused.append(f"{folder} ({(error.strerror or str(error)).lower()})")
    if refused:
        yield problem(
            "disk", f"cannot be written and synced: {', '.join(refused)}; check its permissions"
        )
        return
    yield ok("disk", "its folders can be written and synced")
    if _locks_hold(workspace.internal):
        yield ok("locks", "the file system keeps locks")
    else:
        yield problem(
            "locks",
            f"the file system of {workspace.path} keeps no locks, so that two programs could "
            "write into one file; keep the workspace on a local disk",
        )
    skew = _skew(workspace.internal)
    if abs(skew) > _SKEW_S:
        yield warning(
            "disk clock",
            f"files get times that are {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}: the "
            "clock of the disk's machine and this one differ; set them",
        )


def _try_writing(folder: Path) -> None:
    path = folder / f".doctor-{secrets.token_hex(6)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        os.write(descriptor, b"a few bytes")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        path.unlink()
    sync_folder(folder)


def _locks_hold(folder: Path) -> bool:
    path = folder / ".doctor.lock"
    holder, other = filelock.FileLock(path), filelock.FileLock(path)
    try:
        with holder:
            try:
                other.acquire(blocking=False)
            except filelock.Timeout:
                return True
            other.release()
            return False
    except (OSError, NotImplementedError):
        return False
    finally:
        path.unlink(missing_ok=True)


def _skew(folder: Path) -> float:
    """Seconds by which the file system's clock is ahead of ours."""
    path = folder / f".doctor-{secrets.token_hex(6)}"
    path.write_bytes(b"now")
    try:
        return path.stat().st_mtime - time.time()
    finally:
        path.unlink()


def _catalog(workspace: Workspace, rows: list[SessionRow]) -> Iterator[Check]:
    with os.scandir(workspace.runs) as entries:
        there = {
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and (Path(entry.path) / HEADER_NAME).exists()
        }
    listed = {row.directory for row in rows if not row.archived}
    new, gone = sorted(there - listed), sorted(listed - there)
    if new:
        yield problem(
            "catalog",
            f"{counted(len(new), 'folder')} in runs/ could not be taken into it ({_some(new)}), "
            "damaged or copies of other sessions; `understudy reindex` says why of each",
        )
    if gone:
        yield warning(
            "catalog",
            f"it lists {counted(len(gone), 'session')} without a folder ({_some(gone)}); bring the "
            "folders back, or run `understudy reindex` to drop them from it",
        )
    if not new and not gone:
        archived = len(rows) - len(listed)
        also = f" and {counted(archived, 'archived one')}" if archived else ""
        held = counted(len(listed), "session")
        yield ok("catalog", f"{workspace.catalog.where} agrees with the folders: {held}{also}")


def _space(workspace: Workspace, disk: DiskReport | None) -> Check:
    """What is free, and for how long at the pace that ``disk`` reports."""
    free = shutil.disk_usage(workspace.path).free
    low = workspace.settings.disk.warn_free_gb * _GIGABYTE
    said = f"{_size(free)} are free"
    soon = False
    if disk is not None and disk.per_day:
        said += f"; sessions grow by {_size(disk.per_day)} a day, enough for "
        if disk.days_left is None or disk.full_at is None:
            said += "more than ten years"
        else:
            said += f"{disk.days_left:,.0f} days (until {disk.full_at[:10]})"
            soon = disk.days_left < _SOON_DAYS
    advice = "archive or forget sessions, or move the workspace to a larger disk"
    if free < low * _NEARLY_FULL:
        return problem("space", f"{said}; {advice}")
    if free < low or soon:
        return warning("space", f"{said}; {advice}")
    return ok("space", said)


def _sessions(workspace: Workspace, rows: list[SessionRow]) -> Iterator[Check]:
    recording = [row for row in rows if row.status == "recording"]
    alive = [row for row in recording if workspace.is_being_recorded(row.id)]
    if alive:
        yield ok("recording", f"{counted(len(alive), 'session')} being recorded right now")
    held = {row.id for row in alive}
    unsealed = [
        row.directory
        for row in rows
        if row.sealed_sha256 is None and not row.archived and row.id not in held
    ]
    if unsealed:
        yield warning(
            "sessions",
            f"{counted(len(unsealed), 'recorder')} killed ({_some(unsealed)}); what had "
            "reached the disk is safe, and `understudy session show` repairs and shows it",
        )
    lossy = [row for row in rows if row.dropped]
    if lossy:
        lost = sum(row.dropped for row in lossy)
        yield warning(
            "sessions",
            f"{counted(lost, 'record')} dropped by {counted(len(lossy), 'session')} "
            f"({_some([row.directory for row in lossy])}); `understudy session show` says why",
        )
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    future = [row.directory for row in rows if _started(row) > tomorrow]
    if future:
        yield warning(
            "clock",
            f"{counted(len(future), 'session')} dated in the future ({_some(future)}): a clock was "
            "wrong then, or is now; set it",
        )
    if not (unsealed or lossy or future):
        yield ok("sessions", "none was killed or has dropped anything")


def _leftovers(workspace: Workspace) -> Check:
    """Files that were being written when a process was killed."""
    stale = [
        str(path.relative_to(workspace.path))
        for folder in (workspace.path, workspace.archive, *_session_folders(workspace))
        for path in _partials(folder)
    ]
    if stale:
        return warning(
            "leftovers",
            f"{counted(len(stale), 'file')} left half written by killed programs ({_some(stale)}); "
            "nothing reads them, they may be deleted",
        )
    return ok("leftovers", "no half-written files lie about")


def _session_folders(workspace: Workspace) -> Iterator[Path]:
    with os.scandir(workspace.runs) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_dir())


def _partials(folder: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                partial = entry.name.endswith(TEMPORARY_SUFFIX)
                if partial and time.time() - entry.stat().st_mtime > _STALE_S:
                    yield Path(entry.path)
    except FileNotFoundError:  # sealed, archived or forgotten under our eyes
        return


def _started(row: SessionRow) -> datetime:
    started = datetime.fromisoformat(row.started)
    return started if started.tzinfo else started.replace(tzinfo=UTC)


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _size(count: float) -> str:
    if count >= _GIGABYTE:
        return f"{count / _GIGABYTE:,.1f} GB"
    megabytes = count / 1_000_000
    return f"{megabytes:,.1f} MB" if megabytes >= 0.05 or not count else "less than 0.1 MB"
