"""What was made from what: which datasets, models, bundles and exports contain a session.

Walked from the manifests' parents upward, so nothing has to be kept in step; exports, which lie
outside the workspace, are remembered in a log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from understudy._version import __version__
from understudy.errors import NewerSchemaError, UnderstudyError
from understudy.store.appending import append_checked
from understudy.store.checked_lines import whole_lines
from understudy.store.folder import WorkspaceFolder
from understudy.store.manifest import MANIFEST_NAME, Kind, Manifest, Parent, Problem, read_manifest
from understudy.store.ulids import new_ulid

EXPORTS_NAME = "exports.jsonl"
MARKS_NAME = "marks.jsonl"
_EXPORT_SCHEMA = 1
_Key = tuple[Kind, str]


class Descendant(msgspec.Struct, frozen=True, kw_only=True):
    """Something that contains, or was made from something that contains, what was asked about."""

    kind: Kind
    id: str
    name: str
    version: str
    """Empty for an export."""
    path: Path
    """Its folder; of an export its file."""
    direct: bool
    """Whether it was made from the thing itself, not only from something made of it."""
    marks: Path
    """Where marks about it are kept."""


class ExportRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was written for others to use."""

    schema: int = _EXPORT_SCHEMA
    id: str
    path: str
    format: str
    sha256: str
    sessions: list[str]
    """Ids of the sessions whose content is in the file."""
    query: dict[str, Any]
    """The filters and options by which they were chosen."""
    created: str
    """ISO 8601, UTC."""
    code_version: str
    """Of Understudy, when it wrote the file."""
    parents: list[Parent] = []
    """Datasets the file was made from."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A remark about something that is itself never changed again."""

    mark: str
    """``forgotten``: a session that it was made from no longer exists."""
    session: str
    time: str
    path: str
    """Of what is marked."""


class _Node(msgspec.Struct, frozen=True):
    keys: frozenset[_Key]
    parents: frozenset[_Key]
    descendant: Descendant


def descendants(workspace: WorkspaceFolder, kind: Kind, thing_id: str) -> list[Descendant]:
    """Everything made from the thing, over any number of steps, datasets first and exports last.

    A parent may be named by id or as ``NAME@vNNNN``. Folders whose manifest cannot be read are
    passed over: ``unreadable`` lists them.
    """
    nodes = [*_manifest_nodes(workspace), *_export_nodes(workspace)]
    origin: set[_Key] = {(kind, thing_id)}
    for node in nodes:
        if origin & node.keys:
            origin |= node.keys
    reached = set(origin)
    found: dict[int, Descendant] = {}
    grown = True
    while grown:
        grown = False
        for number, node in enumerate(nodes):
            if number not in found and not node.keys & origin and node.parents & reached:
                direct = bool(node.parents & origin)
                found[number] = msgspec.structs.replace(node.descendant, direct=direct)
                reached |= node.keys
                grown = True
    return [found[number] for number in sorted(found)]


def unreadable(workspace: WorkspaceFolder) -> list[Problem]:
    """The manifests whose parents cannot be known, with the reason."""
    return [
        Problem(path.relative_to(workspace.path).as_posix(), str(content))
        for path, content in _manifests(workspace)
        if isinstance(content, UnderstudyError)
    ]


def record_export(
    workspace: WorkspaceFolder,
    *,
    path: Path,
    format: str,
    sha256: str,
    sessions: Sequence[str],
    query: dict[str, Any],
    parents: Sequence[Parent] = (),
) -> ExportRecord:
    """Remember that the file ``path`` was written from ``sessions``. Raises StorageError."""
    record = ExportRecord(
        id=new_ulid(),
        path=str(path.absolute()),
        format=format,
        sha256=sha256,
        sessions=list(sessions),
        query=query,
        created=_now(),
        code_version=__version__,
        parents=list(parents),
    )
    append_checked(workspace.internal / EXPORTS_NAME, [record])
    return record


def exports(workspace: WorkspaceFolder) -> list[ExportRecord]:
    """Every export ever recorded, oldest first; damaged lines are passed over.

    Raises NewerSchemaError for one that a later version recorded.
    """
    path = workspace.internal / EXPORTS_NAME
    records = []
    for line in _lines(path):
        record = msgspec.json.decode(line, type=ExportRecord)
        if record.schema > _EXPORT_SCHEMA:
            raise NewerSchemaError(
                f"{path} has an export of schema {record.schema} and this Understudy knows up to "
                f"{_EXPORT_SCHEMA}; update Understudy to use it"
            )
        records.append(record)
    return records


def mark_forgotten(descendant: Descendant, session_id: str) -> bool:
    """Note at ``descendant`` that the session was forgotten; False when that is noted already."""
    path = str(descendant.path)
    if any(m.session == session_id and m.mark == "forgotten" for m in read_marks(descendant)):
        return False
    mark = Mark(mark="forgotten", session=session_id, time=_now(), path=path)
    append_checked(descendant.marks, [mark])
    return True


def read_marks(descendant: Descendant) -> list[Mark]:
    """The marks of ``descendant``, oldest first."""
    marks = (msgspec.json.decode(line, type=Mark) for line in _lines(descendant.marks))
    # A folder's marks stay its own when the workspace is moved; exports share one file.
    if descendant.kind != "export":
        return list(marks)
    return [mark for mark in marks if mark.path == str(descendant.path)]


def _manifest_nodes(workspace: WorkspaceFolder) -> Iterator[_Node]:
    for path, content in _manifests(workspace):
        if isinstance(content, UnderstudyError):
            continue
        keys: set[_Key] = {(content.kind, content.id)}
        if content.name and content.version:
            keys.add((content.kind, f"{content.name}@{content.version}"))
        yield _Node(
            frozenset(keys),
            frozenset((parent.kind, parent.id) for parent in content.parents),
            Descendant(
                kind=content.kind,
                id=content.id,
                name=content.name,
                version=content.version,
                path=path.parent,
                direct=False,
                marks=path.parent / MARKS_NAME,
            ),
        )


def _export_nodes(workspace: WorkspaceFolder) -> Iterator[_Node]:
    # A file that was written again holds what the last export put there.
    latest = {record.path: record for record in exports(workspace)}
    for record in latest.values():
        parents: set[_Key] = {(parent.kind, parent.id) for parent in record.parents}
        parents |= {("session", session) for session in record.sessions}
        yield _Node(
            frozenset({("export", record.id)}),
            frozenset(parents),
            Descendant(
                kind="export",
                id=record.id,
                name=record.format,
                version="",
                path=Path(record.path),
                direct=False,
                marks=workspace.internal / f"export_{MARKS_NAME}",
            ),
        )


def _manifests(workspace: WorkspaceFolder) -> Iterator[tuple[Path, Manifest | UnderstudyError]]:
    for place in (workspace.datasets, workspace.models, workspace.bundles):
        for path in sorted(place.glob(f"*/v*/{MANIFEST_NAME}")):
            try:
                yield path, read_manifest(path.parent)
            except UnderstudyError as error:
                yield path, error


def _lines(path: Path) -> Iterator[bytes]:
    return whole_lines(path) if path.exists() else iter(())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
