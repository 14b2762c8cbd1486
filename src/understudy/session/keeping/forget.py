"""Removing a session for good: its folder, its archive, its locks and its line in the catalog.

Before anything is removed, everything that was made from it is found and marked. The catalog's
line goes last, so that forgetting that was killed half-way can be named again and finished.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.errors import SessionError, UnderstudyError
from understudy.session.header import read_header
from understudy.session.index import folder_bytes
from understudy.session.keeping.archive import remove_archive
from understudy.session.keeping.archive_file import archive_path, sidecar_path
from understudy.session.keeping.hidden import remove_whole
from understudy.store.lineage import Descendant, descendants, mark_forgotten, unreadable
from understudy.store.manifest import Problem

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class ForgetReport(msgspec.Struct, kw_only=True):
    """What was removed with a session, or would be, and what still holds what it held."""

    session: str
    directory: str
    removed: list[Path] = []
    bytes: int = 0
    """Of what is removed."""
    descendants: list[Descendant] = []
    """Datasets, models, bundles and exports that contain it or were made from such."""
    unreadable: list[Problem] = []
    """Manifests that could not be read: what they describe may contain it too."""
    done: bool = False


def plan_forgetting(workspace: Workspace, name: str) -> ForgetReport:
    """What ``forget_session`` would remove and mark; changes nothing. Raises SessionError."""
    row = workspace.find(name)
    stem = row.directory
    if row.archived:
        places = [archive_path(workspace.archive, stem), sidecar_path(workspace.archive, stem)]
    else:
        places = [workspace.runs / stem]
    there = [place for place in places if place.exists()]
    return ForgetReport(
        session=row.id,
        directory=row.directory,
        removed=there,
        bytes=sum(folder_bytes(p) if p.is_dir() else p.stat().st_size for p in there),
        descendants=descendants(workspace, "session", row.id),
        unreadable=unreadable(workspace),
    )


def forget_session(workspace: Workspace, name: str) -> ForgetReport:
    """Remove a session everywhere in the workspace and mark what was made from it.

    The array files that a collector wrote lie outside: ``pipeline.forgetting`` sees to them. Raises
    SessionError for one that is being recorded, StorageError as the disk does; then run it again.
    """
    report = plan_forgetting(workspace, name)
    archived = workspace.find(report.session).archived
    with workspace.exclusive(report.session):
        for descendant in report.descendants:
            mark_forgotten(descendant, report.session)
        stem = report.directory if archived else None
        archives = remove_archive(workspace, report.session, stem)
        remove_whole(_folder(workspace, report, archived=archived), report.session)
        report.removed = sorted({*report.removed, *archives})
        workspace.unlist(report.session)
    for lock in (workspace.internal / "locks").glob(f"{report.session}.*"):
        lock.unlink(missing_ok=True)
    report.done = True
    return report


def _folder(workspace: Workspace, report: ForgetReport, *, archived: bool) -> Path:
    """Where its folder is, or would be: never one that is another session's."""
    if archived:
        return workspace.runs / f".{report.session}"
    folder = workspace.runs / report.directory
    try:
        there = read_header(folder).id
    except UnderstudyError:  # gone already, or damaged: then the catalog's word counts
        return folder
    if there != report.session:
        raise SessionError(
            f"{folder} holds session {there}, not {report.session}; run `understudy reindex` and "
            "try again"
        )
    return folder
