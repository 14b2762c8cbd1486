"""What lies in the archive, as the catalog lists it: from the files beside the archives alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.errors import UnderstudyError
from understudy.session.header import FILE_NAME as HEADER_NAME
from understudy.session.header import read_header
from understudy.session.keeping.archive_file import archive_path, read_sidecar, sidecar_paths
from understudy.store.catalog.schema import SessionRow
from understudy.store.manifest import Problem

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


def settled(workspace: Workspace, row: SessionRow) -> SessionRow:
    """``row`` as the folders say it: archiving or restoring may have been killed half-way."""
    folder = workspace.runs / row.directory
    if row.archived and (folder / HEADER_NAME).exists() and read_header(folder).id == row.id:
        row = workspace.describe(folder)
        workspace.catalog.put_session(row)
    return row


def archived_rows(workspace: Workspace) -> tuple[list[SessionRow], list[Problem]]:
    """The catalog lines of all archives, and the files in ``archive/`` that describe none."""
    rows, problems = [], []
    described = set()
    for path in sidecar_paths(workspace.archive):
        described.add(archive_path(workspace.archive, path.stem).name)
        try:
            sidecar = read_sidecar(path)
        except UnderstudyError as error:
            problems.append(Problem(f"archive/{path.name}", str(error)))
            continue
        # Whoever copied or renamed the two files has the last word on their name.
        rows.append(msgspec.structs.replace(sidecar.row, directory=path.stem, archived=True))
    problems += [
        Problem(
            f"archive/{path.name}",
            "the file that describes it is missing; unpack it into a folder of runs/ "
            "(tar --zstd -xf) and run `understudy reindex`",
        )
        for path in sorted(workspace.archive.glob("[!.]*.tar.zst"))
        if path.name not in described
    ]
    return rows, problems
