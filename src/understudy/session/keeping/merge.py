"""Taking in the sessions of another workspace, by identity.

Each session is copied under a hidden name, checked against its seal, and only then put in its
place; nothing that is here is overwritten. The other workspace is only read.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import filelock
import msgspec

from understudy._util.clock import now_iso
from understudy.errors import (
    CorruptionError,
    SessionError,
    UnderstudyError,
    UsageError,
    WorkspaceError,
)
from understudy.session.header import read_header
from understudy.session.keeping import hidden
from understudy.session.keeping.archive_file import (
    ArchiveSidecar,
    archive_path,
    check_archive,
    free_stem,
    read_sidecar,
    sidecar_path,
    sidecar_paths,
    write_sidecar,
)
from understudy.session.keeping.copying import copy_file, copy_folder
from understudy.session.keeping.reindex import session_folders
from understudy.session.keeping.same_session import feedback_of, same_content, take_feedback
from understudy.session.recovery import repair, was_interrupted
from understudy.session.verify import damage
from understudy.store.catalog.schema import SessionRow
from understudy.store.folder import INTERNAL_NAME, read_marker

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class MergeNote(msgspec.Struct, frozen=True, kw_only=True):
    """A session of the other workspace that could not be taken as it is, and why."""

    directory: str
    session: str | None = None
    reason: str


class MergeReport(msgspec.Struct, kw_only=True):
    """What came of the other workspace's sessions."""

    taken: list[str] = []
    """Ids of those that are new here."""
    known: list[str] = []
    """Ids of those that were here already, the same."""
    conflicts: list[MergeNote] = []
    """Those that are here with other content; neither was changed."""
    problems: list[MergeNote] = []
    """Those that are damaged, still being recorded, or could not be copied."""
    feedback: int = 0
    """Entries of feedback that were added to sessions known here."""


def merge_workspace(
    workspace: Workspace, other: Path, progress: Callable[[int, int], None] | None = None
) -> MergeReport:
    """Copy the sessions of ``other``, archived ones too, into ``workspace``.

    A session that is here already, the same, is given the other's feedback. One whose recorder was
    killed there is repaired here. Run it again after an interruption: what is here stays. Raises
    WorkspaceError when ``other`` is no workspace and UsageError when it is this one.
    """
    _refuse_what_is_no_other(workspace, other)
    hidden.sweep(workspace)
    workspace.adopt()
    report = MergeReport()
    folders = list(session_folders(other / "runs"))
    packed = sidecar_paths(other / "archive") if (other / "archive").is_dir() else []
    total = len(folders) + len(packed)
    for number, source in enumerate([*folders, *packed], start=1):
        identity = None
        try:
            if source.is_dir():
                identity = read_header(source).id
                _take_folder(workspace, other, source, identity, report)
            else:
                sidecar = read_sidecar(source)
                identity = sidecar.id
                _take_archive(workspace, source, sidecar, report)
        except UnderstudyError as error:
            report.problems.append(
                MergeNote(directory=source.name, session=identity, reason=str(error))
            )
        if progress is not None:
            progress(number, total)
    return report


def _take_folder(
    workspace: Workspace, other: Path, source: Path, identity: str, report: MergeReport
) -> None:
    if _is_recorded_there(other, identity):
        raise SessionError(f"{source} is being recorded there; merge again when it has ended")
    known = _known(workspace, identity)
    if known is not None:
        _unite(workspace, known, source, identity, report)
        return
    with workspace.exclusive(identity):
        arriving = hidden.arriving(workspace.runs, identity)
        hidden.clear(arriving)
        try:
            copy_folder(source, arriving)
            if was_interrupted(arriving):
                repair(arriving, now_iso())
            _refuse_damaged(source, arriving)
            folder = hidden.settle_in(arriving, workspace.runs, source.name)
        finally:
            hidden.clear(arriving)
    workspace.catalog.put_session(workspace.describe(folder))
    report.taken.append(identity)


def _take_archive(
    workspace: Workspace, source: Path, sidecar: ArchiveSidecar, report: MergeReport
) -> None:
    problems = check_archive(source.parent, source.stem)
    if problems:
        raise CorruptionError(f"{source.parent.parent / problems[0].file}: {problems[0].reason}")
    known = _known(workspace, sidecar.id)
    if known is not None:
        _unite(workspace, known, source, sidecar.id, report)
        return
    with workspace.exclusive(sidecar.id):
        stem = free_stem(workspace.archive, source.stem, sidecar.id)
        arriving = hidden.arriving(workspace.archive, sidecar.id)
        hidden.clear(arriving)
        try:
            if copy_file(archive_path(source.parent, source.stem), arriving) != sidecar.sha256:
                raise CorruptionError(f"{source} was not copied as it is; check both disks")
            arriving.replace(archive_path(workspace.archive, stem))
        finally:
            hidden.clear(arriving)
        row = msgspec.structs.replace(sidecar.row, directory=stem)
        write_sidecar(workspace.archive, msgspec.structs.replace(sidecar, row=row))
    workspace.catalog.put_session(row)
    report.taken.append(sidecar.id)


def _unite(
    workspace: Workspace, known: SessionRow, source: Path, identity: str, report: MergeReport
) -> None:
    """Give the session that is here what was said about it there."""
    here = (
        sidecar_path(workspace.archive, known.directory)
        if known.archived
        else workspace.runs / known.directory
    )
    if not same_content(here, source):
        report.conflicts.append(
            MergeNote(
                directory=source.name,
                session=identity,
                reason=f"is here as {known.directory}, with other content; neither was changed",
            )
        )
        return
    report.known.append(identity)
    said = {entry.id for entry in feedback_of(here)}
    new = [entry for entry in feedback_of(source) if entry.id not in said]
    if not new:
        return
    if known.archived:
        workspace.restore(identity)
    try:
        report.feedback += take_feedback(workspace, identity, new)
    finally:
        if known.archived:
            workspace.archive_session(identity)


def _known(workspace: Workspace, identity: str) -> SessionRow | None:
    row = workspace.catalog.get(identity)
    if row is None:
        return None
    row = workspace.find(identity)
    place = workspace.runs if not row.archived else workspace.archive
    name = row.directory if not row.archived else archive_path(place, row.directory).name
    # A line of the catalog whose session was removed by hand does not keep it out.
    return row if (place / name).exists() else None


def _refuse_damaged(source: Path, copy: Path) -> None:
    problems = damage(copy)
    if problems:
        raise CorruptionError(
            f"{source} is damaged: {problems[0].file} {problems[0].reason}; take that file back "
            "from a copy"
        )


def _is_recorded_there(other: Path, identity: str) -> bool:
    lock = other / INTERNAL_NAME / "locks" / f"{identity}.recording.lock"
    if not lock.exists():
        return False
    try:
        with filelock.FileLock(lock, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:  # a medium that cannot be written to: nobody records there
        return False


def _refuse_what_is_no_other(workspace: Workspace, other: Path) -> None:
    if not (other / "runs").is_dir():
        raise WorkspaceError(
            f"{other} is no workspace (it has no folder runs/); name the folder that holds "
            "understudy.toml"
        )
    if (other / "runs").samefile(workspace.runs):
        raise UsageError(f"{other} is this workspace itself; name another one")
    read_marker(other)
