"""The catalog from the folders: brought up to date, or built again from nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.errors import UnderstudyError
from understudy.session.header import FILE_NAME as HEADER_NAME
from understudy.session.keeping.archive_file import SIDECAR_SUFFIX, read_sidecar
from understudy.session.keeping.archive_listing import archived_rows
from understudy.session.keeping.hidden import sweep
from understudy.store.catalog.schema import SessionRow
from understudy.store.manifest import Problem

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

SESSION_PREFIX = "session_"
_BATCH = 500


class ReindexReport(msgspec.Struct, kw_only=True):
    """What a catalog that was built again holds."""

    sessions: int = 0
    """In ``runs/``."""
    archived: int = 0
    problems: list[Problem] = []
    """Folders and files that could not be taken in, and why."""
    catalog: str = ""
    """Where it lies."""
    put_aside: Path | None = None
    """Where a damaged catalog was moved to."""
    swept: int = 0
    """Leftovers of killed processes that were removed."""


def reindex(
    workspace: Workspace, progress: Callable[[int, int], None] | None = None
) -> ReindexReport:
    """Empty the catalog and fill it from ``runs/`` and ``archive/``; the sessions are not touched.

    What cannot be read is reported and passed over. Raises CatalogError as the database does.
    """
    report = ReindexReport()
    report.swept = sweep(workspace)
    report.put_aside = workspace.empty_catalog()
    report.catalog = workspace.catalog.where
    folders = list(session_folders(workspace.runs))
    seen: dict[str, str] = {}
    batch: list[SessionRow] = []
    for number, folder in enumerate(folders, start=1):
        try:
            row = workspace.describe(folder)
        except (UnderstudyError, OSError) as error:
            report.problems.append(Problem(f"runs/{folder.name}", str(error)))
            continue
        if row.id in seen:
            reason = f"is a copy of {seen[row.id]} (both are session {row.id}); remove one of them"
            report.problems.append(Problem(f"runs/{folder.name}", reason))
            continue
        seen[row.id] = folder.name
        batch.append(row)
        if len(batch) >= _BATCH:
            workspace.catalog.put_sessions(batch)
            batch = []
        if progress is not None:
            progress(number, len(folders))
    report.sessions = len(seen)
    rows, problems = archived_rows(workspace)
    # A folder that stands is the truth: archiving or restoring it was killed half-way.
    packed = [row for row in rows if row.id not in seen]
    workspace.catalog.put_sessions([*batch, *packed])
    report.archived = len({row.id for row in packed})
    report.problems += problems
    return report


def changed_rows(workspace: Workspace) -> list[SessionRow]:
    """The lines that the catalog does not have yet, or has otherwise than the folders."""
    known = workspace.catalog.places()
    here = {place.directory: place for place in known if not place.archived}
    lies_in = {place.id: directory for directory, place in here.items()}
    packed = {place.directory for place in known if place.archived}
    changed: list[SessionRow] = []
    for directory in _names_in(workspace.runs):
        place = here.get(directory)
        if place is None:
            if not is_session_folder(workspace.runs / directory):
                continue
        elif place.status != "recording" or workspace.is_being_recorded(place.id):
            continue
        try:
            fresh = workspace.describe(workspace.runs / directory)
        except (UnderstudyError, OSError):  # not a session yet, or a damaged one
            continue
        other = lies_in.get(fresh.id)
        if other is None or other == directory or not _stands(workspace, other):
            changed.append(fresh)
            lies_in[fresh.id] = directory
    for name in _names_in(workspace.archive):
        stem = name.removesuffix(SIDECAR_SUFFIX)
        if stem == name or stem in packed or name.startswith("."):
            continue
        try:
            sidecar = read_sidecar(workspace.archive / name)
        except UnderstudyError:
            continue
        if sidecar.id not in lies_in:
            changed.append(msgspec.structs.replace(sidecar.row, directory=stem, archived=True))
    return changed


def _names_in(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _stands(workspace: Workspace, directory: str) -> bool:
    """Whether a session still is where the catalog has it: then another one is a copy of it."""
    return (workspace.runs / directory / HEADER_NAME).exists()


def unlisted_folders(workspace: Workspace, rows: Sequence[SessionRow]) -> list[Problem]:
    """Folders in ``runs/`` that should be sessions, stand in none of ``rows``, and why not.

    One that is still empty is no session yet: its recorder has only just begun.
    """
    listed = {row.directory: row.id for row in rows if not row.archived}
    ids = {identity: directory for directory, identity in listed.items()}
    problems = []
    for folder in session_folders(workspace.runs):
        if folder.name in listed or not any(folder.iterdir()):
            continue
        reason = "is a session that the catalog does not have; run `understudy reindex`"
        try:
            other = ids.get(workspace.describe(folder).id)
        except (UnderstudyError, OSError) as error:
            reason = str(error)
        else:
            if other is not None:
                reason = f"is a copy of {other}; remove one of them"
        problems.append(Problem(f"runs/{folder.name}", reason))
    return problems


def session_folders(runs: Path) -> Iterator[Path]:
    """What is a session in ``runs``, or by its name should be one."""
    for path in sorted(runs.iterdir()):
        if is_session_folder(path) and path.is_dir():
            yield path


def is_session_folder(path: Path) -> bool:
    """Whether what lies there in ``runs/`` is a session, or by its name should be one."""
    if path.name.startswith("."):
        return False
    return path.name.startswith(SESSION_PREFIX) or (path / HEADER_NAME).exists()
