"""A dataset again without a session that was forgotten.

The newest version of a name is built again from the sessions that are left. Older ones only lose
their data: what is trained from now on is the newest, and a rebuilt older one would hide it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.datasets.build import (
    Built,
    NothingToBuildError,
    build_dataset,
    request_of,
)
from understudy.datasets.selection import LeftOut
from understudy.datasets.versions import LEFT_OUT_NAME, DatasetVersion, version_folders
from understudy.errors import DatasetError, SessionError
from understudy.store.building_place import refusals
from understudy.store.versions import take_data_away

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a version that held a forgotten session."""

    by: DatasetVersion | None = None
    """The version that was built in its place."""
    why_not: str = ""
    """Why none was, where it is an older one; empty where nothing was left to build it of."""


def replace_without(workspace: Workspace, version: DatasetVersion, session: str) -> Replaced:
    """Build ``version`` again without ``session``, which is gone already, and take its data away.

    To be called again after a kill. Raises DatasetError, with nothing changed, when how it was
    chosen is not known or sessions that it needs lie in the archive; StorageError as the disk does.
    """
    if version.removed:
        by = replacement_of(workspace, version)
        return Replaced(by=by)
    newest = _newest(workspace, version.name)
    if newest is not None and newest.number > version.number:
        take_data_away(version, session=session)
        return Replaced(why_not=f"it is older than {newest.ref}, so only its data were removed")
    built = _build_again(workspace, version)
    take_data_away(version, session=session)
    return Replaced(by=DatasetVersion(built.path) if built is not None else None)


def replacement_of(workspace: Workspace, version: DatasetVersion) -> DatasetVersion | None:
    """The version that was built in the place of ``version``, where it has its data."""
    for folder in version_folders(workspace, version.name):
        found = DatasetVersion(folder)
        if found.facts.get("rebuilt_from") == version.ref and not found.removed:
            return found
    return None


def has_data(workspace: Workspace, name: str) -> bool:
    """Whether any version of the dataset has its data."""
    return _newest(workspace, name) is not None


def _newest(workspace: Workspace, name: str) -> DatasetVersion | None:
    found = [DatasetVersion(folder) for folder in version_folders(workspace, name)]
    return next((version for version in reversed(found) if not version.removed), None)


def _build_again(workspace: Workspace, version: DatasetVersion) -> Built | None:
    """The new version; None when no row is left."""
    request = request_of(version.facts)
    left: list[str] = []
    archived: list[str] = []
    for session in _considered(version):
        try:
            row = workspace.find(session)
        except SessionError:  # forgotten too
            continue
        (archived if row.archived else left).append(session)
    if archived:
        raise DatasetError(
            f"{len(archived)} of its sessions lie in the archive, {archived[0]} for one; restore "
            "them with `understudy session restore` and forget the session again with --rebuild"
        )
    if not left and request.scenarios is None:
        return None
    try:
        return build_dataset(
            workspace, version.name, request, pinned=left, rebuilt_from=version.ref
        )
    except NothingToBuildError:  # what is left has no row that the request lets pass
        return None


def _considered(version: DatasetVersion) -> list[str]:
    """The sessions that gave rows, and those whose rows were copies of such."""
    sessions = dict.fromkeys(version.sessions)
    path = version.folder / LEFT_OUT_NAME
    with refusals(path), open(path, "rb") as file:
        for line in file:
            entry = msgspec.json.decode(line, type=LeftOut)
            if entry.copy is not None and entry.session:
                sessions[entry.session] = None
    return list(sessions)
