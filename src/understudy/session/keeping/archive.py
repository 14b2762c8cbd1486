"""Putting sessions away: packed into ``archive/``, still listed, and back again.

A session is in the archive when the file beside its archive stands and its folder is gone. While
the folder stands it is the truth, whatever lies in ``archive/``: a kill at any moment leaves one of
the two whole, and doing the same again finishes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy._util.clock import now_iso
from understudy.errors import CorruptionError, UnderstudyError
from understudy.session.feedback import held
from understudy.session.header import read_header
from understudy.session.keeping import hidden
from understudy.session.keeping.archive_file import (
    ArchiveSidecar,
    Progress,
    archive_path,
    check_archive,
    free_stem,
    pack,
    read_sidecar,
    sidecar_path,
    sidecar_paths,
    unpack,
    write_sidecar,
)
from understudy.session.verify import damage
from understudy.store.atomic import sync_folder
from understudy.store.catalog.schema import SessionRow
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME, Problem

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


def archive_session(
    workspace: Workspace, name: str, progress: Progress | None = None
) -> SessionRow:
    """Pack a session into the archive and remove its folder; its catalog line.

    One whose recorder was killed is sealed first; one that is archived already stays as it is.
    ``progress`` is given bytes. Raises SessionError for one that is being recorded,
    CorruptionError for one that ``verify`` finds damaged, StorageError as the disk does.
    """
    row = workspace.find(name)
    if row.archived:
        return row
    session = workspace.seal_killed(row.id)
    session.close()
    folder = session.path
    with workspace.exclusive(row.id), held(folder):
        _refuse_damaged(folder, damage(folder))
        stem = free_stem(workspace.archive, folder.name, row.id)
        sha256, size = pack(
            folder,
            archive_path(workspace.archive, stem),
            hidden.arriving(workspace.archive, row.id),
            progress,
        )
        archived = msgspec.structs.replace(
            workspace.describe(folder), archived=True, directory=stem, bytes=size
        )
        write_sidecar(
            workspace.archive,
            ArchiveSidecar(
                archived=now_iso(),
                header=session.header,
                row=archived,
                manifest_sha256=sha256_file(folder / MANIFEST_NAME),
                sha256=sha256,
                size=size,
            ),
        )
        workspace.catalog.put_session(archived)
        hidden.remove_whole(folder, row.id)
    return archived


def restore_session(
    workspace: Workspace, name: str, progress: Progress | None = None
) -> SessionRow:
    """Put an archived session back into ``runs/`` and remove its archive; its catalog line.

    One that is not archived stays as it is. Raises CorruptionError, with nothing changed, when the
    archive is not what was packed; StorageError as the disk does.
    """
    row = workspace.find(name)
    if not row.archived:
        with workspace.exclusive(row.id):
            _refuse_damaged(workspace.runs / row.directory, damage(workspace.runs / row.directory))
            remove_archive(workspace, row.id)
        return row
    with workspace.exclusive(row.id):
        stem = row.directory
        problems = check_archive(workspace.archive, stem)
        if problems:
            problem = problems[0]
            raise CorruptionError(
                f"{workspace.path / problem.file}: {problem.reason}; take it back from a copy"
            )
        sidecar = read_sidecar(sidecar_path(workspace.archive, stem))
        arriving = hidden.arriving(workspace.runs, row.id)
        hidden.clear(arriving)
        try:
            unpack(archive_path(workspace.archive, stem), arriving, progress)
            if read_header(arriving).id != row.id:
                raise CorruptionError(
                    f"the archive {stem} holds another session than {row.id}; take it back from a "
                    "copy"
                )
            _refuse_damaged(arriving, damage(arriving, sealed_sha256=sidecar.manifest_sha256))
        except BaseException:
            hidden.clear(arriving)
            raise
        folder = hidden.settle_in(arriving, workspace.runs, stem)
        restored = workspace.describe(folder)
        workspace.catalog.put_session(restored)
        remove_archive(workspace, row.id)
    return restored


def remove_archive(workspace: Workspace, identity: str, stem: str | None = None) -> list[Path]:
    """Remove every archive of the session; the paths that are gone. The caller holds its lock.

    ``stem`` names one that is the session's even if the file that says so is damaged.
    """
    removed = []
    for path in {*sidecar_paths(workspace.archive), *_named(workspace, stem)}:
        if path.stem != stem:
            try:
                if read_sidecar(path).id != identity:
                    continue
            except UnderstudyError:
                continue
        # The archive first: what describes it still names the session for whoever finishes this.
        for file in (archive_path(workspace.archive, path.stem), path):
            if file.exists():
                hidden.clear(file)
                removed.append(file)
    if removed:
        sync_folder(workspace.archive)
    return sorted(removed)


def _named(workspace: Workspace, stem: str | None) -> list[Path]:
    return [sidecar_path(workspace.archive, stem)] if stem is not None else []


def _refuse_damaged(folder: Path, problems: list[Problem]) -> None:
    if problems:
        problem = problems[0]
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise CorruptionError(
            f"{folder.name} is damaged: {problem.file} {problem.reason}{more}; take that file back "
            "from a copy first"
        )
