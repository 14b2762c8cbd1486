"""Forgetting a session in all it went into: its folder and archive, the array files of collectors,
and, on request, the datasets and exports that hold it, which are built again without it.

What takes part lies on different floors; each step can be done again, so that forgetting which was
killed half-way is finished by the same call.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.datasets.export import (
    ExportReport,
    export_sessions,
    exported,
    remove_exported,
    source_of,
)
from understudy.datasets.export_version import export_version
from understudy.datasets.rebuild import remove_session_from_array
from understudy.datasets.versions import DatasetVersion, find_version
from understudy.datasets.without import has_data, replace_without, replacement_of
from understudy.errors import SessionError, UnderstudyError
from understudy.session.header import read_header
from understudy.session.keeping.archive_file import read_sidecar, sidecar_path
from understudy.session.keeping.forget import ForgetReport, forget_session, plan_forgetting
from understudy.store.lineage import (
    Descendant,
    ExportRecord,
    descendants,
    exports,
    read_marks,
    unreadable,
)
from understudy.store.ulids import is_ulid

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class ArrayChange(msgspec.Struct, frozen=True, kw_only=True):
    """An array file that may hold examples of the session."""

    path: Path
    removed: int | None = None
    """How many examples were taken out; None when nothing was tried yet, or it failed."""
    problem: str | None = None
    """Why that is not known; ``dataset rebuild-array`` writes the file without the session."""


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """Something that held the session and was to be built again without it."""

    what: Descendant
    files: list[Path] = []
    """What now stands in its place."""
    problem: str | None = None
    """Why it was not built again; None when it was."""
    note: str | None = None
    """What else became of it."""


class Forgetting(msgspec.Struct, kw_only=True):
    """What forgetting a session changes, or has changed."""

    forgotten: ForgetReport
    arrays: list[ArrayChange] = []
    rebuilt: list[Rebuilt] = []


def plan(workspace: Workspace, name: str, *, arrays: Sequence[Path] = ()) -> Forgetting:
    """What ``forget`` would remove and change; changes nothing. Raises SessionError."""
    report = _known_or_gone(workspace, name)
    files = [] if report.done else _array_files(workspace, report, arrays)
    return Forgetting(forgotten=report, arrays=[ArrayChange(path=path) for path in files])


def forget(
    workspace: Workspace, name: str, *, arrays: Sequence[Path] = (), rebuild: bool = False
) -> Forgetting:
    """Remove a session and its examples for good, and mark what else was made from it.

    Examples are taken out of the array file that the session's collector wrote and of ``arrays``:
    those equal to what the session's chats make. With ``rebuild`` datasets and exports are built
    again without it; what cannot be says why. Raises SessionError for one that is being recorded,
    FormatError for an array file that cannot be read (the session is then still there),
    StorageError as the disk does.
    """
    planned = plan(workspace, name, arrays=arrays)
    report = planned.forgotten
    if not report.done:
        planned.arrays = _clear_arrays(workspace, planned)
        planned.forgotten = forget_session(workspace, report.session)
    if rebuild:
        handled: set[Path] = set()
        for made in planned.forgotten.descendants:
            if made.path not in handled:
                planned.rebuilt.append(_build_again(workspace, made, report.session, handled))
    return planned


def _known_or_gone(workspace: Workspace, name: str) -> ForgetReport:
    """The plan; of a session that is gone, what was made from it."""
    try:
        return plan_forgetting(workspace, name)
    except SessionError:
        made = descendants(workspace, "session", name) if is_ulid(name) else []
        if not any(mark.session == name for thing in made for mark in read_marks(thing)):
            raise
        return ForgetReport(
            session=name,
            directory="",
            descendants=made,
            unreadable=unreadable(workspace),
            done=True,
        )


def _array_files(workspace: Workspace, report: ForgetReport, given: Sequence[Path]) -> list[Path]:
    row = workspace.find(report.session)
    try:
        if row.archived:
            header = read_sidecar(sidecar_path(workspace.archive, row.directory)).header
        else:
            header = read_header(workspace.runs / row.directory)
        named = header.metadata.get("array_file")
    except UnderstudyError:  # damaged; forgetting must still work
        named = None
    files = [Path(named)] if isinstance(named, str) else []
    return [path for path in dict.fromkeys([*files, *given]) if path.exists()]


def _clear_arrays(workspace: Workspace, planned: Forgetting) -> list[ArrayChange]:
    if not planned.arrays:
        return []
    try:
        if workspace.find(planned.forgotten.session).archived:
            workspace.restore(planned.forgotten.session)
        session = workspace.session(planned.forgotten.session)
    except UnderstudyError as error:
        return [
            ArrayChange(path=change.path, problem=f"the session cannot be read: {error}")
            for change in planned.arrays
        ]
    changes = [
        ArrayChange(path=change.path, removed=remove_session_from_array(change.path, session))
        for change in planned.arrays
    ]
    session.close()
    return changes


def _build_again(
    workspace: Workspace, made: Descendant, identity: str, handled: set[Path]
) -> Rebuilt:
    """``handled`` takes in the files that are dealt with: those of one split export go together."""
    try:
        if made.kind == "dataset":
            return _dataset_again(workspace, made, identity)
        if made.kind == "export":
            return _export_again(workspace, made, identity, handled)
    except UnderstudyError as error:
        return Rebuilt(what=made, problem=str(error))
    reason = f"a {made.kind} is not built by this version; make it again without the session"
    return Rebuilt(what=made, problem=reason)


def _dataset_again(workspace: Workspace, made: Descendant, identity: str) -> Rebuilt:
    replaced = replace_without(workspace, DatasetVersion(made.path), identity)
    if replaced.by is None:
        return Rebuilt(what=made, note=replaced.why_not or None)
    return Rebuilt(what=made, files=[replaced.by.folder], note=f"as {replaced.by.ref}")


def _export_again(
    workspace: Workspace, made: Descendant, identity: str, handled: set[Path]
) -> Rebuilt:
    records = {record.id: record for record in exports(workspace)}
    record = records[made.id]
    if not made.path.exists():
        return Rebuilt(what=made, problem="the file is gone")
    if exported(made.path).sha256 != record.sha256:
        reason = "the file was changed since it was exported; take the session out by hand"
        return Rebuilt(what=made, problem=reason)
    if identity not in record.sessions:
        alike = [one for one in records.values() if one.query == record.query]
        return _export_dataset_again(workspace, made, alike, handled)
    return Rebuilt(what=made, files=_export_sessions_again(workspace, record, handled))


def _export_dataset_again(
    workspace: Workspace, made: Descendant, records: Sequence[ExportRecord], handled: set[Path]
) -> Rebuilt:
    """``records`` are those of all files that one export of a dataset wrote."""
    record = records[-1]
    version = find_version(workspace, record.query["dataset"])
    former = [Path(one.path) for one in records]
    files: list[Path] = []
    if not version.removed:
        return Rebuilt(what=made, problem=f"{version.ref} was not built again; do that first")
    replacement = replacement_of(workspace, version)
    if replacement is not None:
        report = export_version(
            workspace,
            replacement,
            format=record.format,
            output=Path(record.query["output"]),
            split=record.query["split"],
            calls=record.query.get("calls", "kept"),
            max_bytes=record.query["max_bytes"],
        )
        files = [Path(file.path) for file in report.files]
    elif has_data(workspace, version.name):
        reason = f"{version.ref} is gone; remove the file, or export {version.name} again"
        return Rebuilt(what=made, problem=reason)
    _remove_former(former, files)
    handled.update(former)
    return Rebuilt(what=made, files=files)


def _export_sessions_again(
    workspace: Workspace, record: ExportRecord, handled: set[Path]
) -> list[Path]:
    selection, source = source_of(record.query)
    old = _files_of_export(Path(record.path))
    output, former = old if old is not None else (Path(record.path), [Path(record.path)])
    left = tuple(name for name in selection.sessions if _is_there(workspace, name))
    files: list[Path] = []
    if left or not selection.sessions:
        report = export_sessions(
            workspace,
            output=output,
            format=record.format,
            source=source,
            selection=msgspec.structs.replace(selection, sessions=left),
        )
        files = [Path(file.path) for file in report.files]
    _remove_former(former, files)
    handled.update(former)
    return files


def _remove_former(former: Sequence[Path], files: Sequence[Path]) -> None:
    for path in former:
        if path.absolute() not in {file.absolute() for file in files}:
            remove_exported(path)


def _is_there(workspace: Workspace, name: str) -> bool:
    try:
        workspace.find(name)
    except SessionError:
        return False
    return True


def _files_of_export(part: Path) -> tuple[Path, list[Path]] | None:
    """The output that ``part`` is a file of, and all files of it, from the report beside them."""
    for path in sorted(part.parent.glob("*.report.json")):
        try:
            report = msgspec.json.decode(path.read_bytes(), type=ExportReport)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
        files = [part.parent / Path(file.path).name for file in report.files]
        if part in files:
            return part.parent / path.name.removesuffix(".report.json"), files
    return None
