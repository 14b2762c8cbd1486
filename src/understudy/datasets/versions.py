"""The versions of datasets in a workspace: their names, their files, and reading their rows.

A version is a folder ``datasets/NAME/vNNNN/`` that never changes once it is there. Only forgetting
a session takes its data away: its manifest then stays, so that what was made of it can still be
found, and its number is not given again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq

from understudy.datasets.splits import SPLITS
from understudy.errors import DatasetError, UsageError
from understudy.formats.dataset_rows import Row
from understudy.formats.hf_parquet import Kind, read_rows
from understudy.store.folder import WorkspaceFolder
from understudy.store.lineage import MARKS_NAME, Descendant, Mark, read_marks
from understudy.store.manifest import MANIFEST_NAME, Manifest, read_manifest

CARD_NAME = "README.md"
LEFT_OUT_NAME = "left_out.jsonl"
EXPORTS_NAME = "exports"
REMOVED = "removed"
"""The mark of a version whose data were taken away."""
_VERSION = re.compile(r"v(\d{4,})")
_FORBIDDEN = frozenset('/\\:@*?"<>|')
_LONGEST_NAME = 200
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def check_name(name: str) -> str:
    """``name`` when it can be the name of a dataset, which is a folder's; else UsageError."""
    problem = None
    if not name or name.strip() != name or name.endswith("."):
        problem = "it is empty, or begins or ends with a space or ends with a dot"
    elif name.startswith("."):
        problem = "it begins with a dot"
    elif not name.isprintable() or any(character in _FORBIDDEN for character in name):
        problem = f"it holds one of {' '.join(sorted(_FORBIDDEN))} or what cannot be printed"
    elif len(name.encode(errors="replace")) > _LONGEST_NAME:
        problem = f"it is longer than {_LONGEST_NAME} bytes"
    elif _DEVICES.fullmatch(name):
        problem = "it is a device on Windows"
    if problem:
        raise UsageError(f"{name!r} cannot be the name of a dataset: {problem}; choose another")
    return name


class RowFiles:
    """The rows of a dataset in a folder: one Parquet file for each split that has rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, split: str) -> Path:
        return self.folder / f"{split}.parquet"

    @property
    def splits(self) -> list[str]:
        """Those that have rows, in order."""
        return [split for split in SPLITS if self.path(split).exists()]

    def count(self, split: str) -> int:
        with pq.ParquetFile(self.path(split)) as file:
            return cast("int", file.metadata.num_rows)

    def rows(self, split: str) -> Iterator[Row]:
        """The rows of a split in their order, few in memory at a time."""
        return read_rows(self.path(split))


class DatasetVersion(RowFiles):
    """One version of a dataset, opened. Raises as `read_manifest` does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.name = folder.parent.name
        self.version = folder.name
        self.manifest: Manifest = read_manifest(folder)

    @property
    def ref(self) -> str:
        """Such as ``agent@v0003``."""
        return f"{self.name}@{self.version}"

    @property
    def number(self) -> int:
        return _number(self.folder)

    @property
    def facts(self) -> dict[str, Any]:
        return self.manifest.facts

    @property
    def kind(self) -> Kind:
        return cast("Kind", self.facts.get("kind", "agent"))

    @property
    def sessions(self) -> list[str]:
        """The ids of the sessions that rows are from."""
        return [parent.id for parent in self.manifest.parents if parent.kind == "session"]

    @cached_property
    def marks(self) -> list[Mark]:
        """What was noted about it since it was built."""
        return read_marks(self.as_descendant())

    @property
    def removed(self) -> bool:
        """Whether its data were taken away because a session was forgotten."""
        return any(mark.mark == REMOVED for mark in self.marks)

    @property
    def forgotten(self) -> list[str]:
        """The ids of sessions that it holds, or held, and that no longer exist."""
        return [mark.session for mark in self.marks if mark.mark == "forgotten"]

    def as_descendant(self) -> Descendant:
        """As the lineage knows it."""
        return Descendant(
            kind="dataset",
            id=self.manifest.id,
            name=self.name,
            version=self.version,
            path=self.folder,
            direct=True,
            marks=self.folder / MARKS_NAME,
        )


def find_version(workspace: WorkspaceFolder, ref: str) -> DatasetVersion:
    """The version written ``NAME@v0003``, or of a mere ``NAME`` the latest that has its data.

    Raises DatasetError when there is none, UsageError for what is no name.
    """
    name, mark, version = ref.partition("@")
    check_name(name)
    folders = version_folders(workspace, name)
    if not folders:
        known = ", ".join(dataset_names(workspace)) or "none"
        raise DatasetError(f"there is no dataset {name!r}; there is: {known}")
    if not mark:
        found = [DatasetVersion(folder) for folder in folders]
        whole = [one for one in found if not one.removed]
        if not whole:
            raise DatasetError(
                f"every version of {name!r} lost its data when a session was forgotten; build it "
                "again"
            )
        return whole[-1]
    matching = [folder for folder in folders if folder.name == version]
    if not matching:
        known = ", ".join(folder.name for folder in folders)
        raise DatasetError(f"{name!r} has no version {version!r}; there is: {known}")
    return DatasetVersion(matching[0])


def usable_version(workspace: WorkspaceFolder, ref: str) -> DatasetVersion:
    """`find_version`, and DatasetError for one whose data were taken away."""
    found = find_version(workspace, ref)
    if found.removed:
        raise DatasetError(
            f"{found.ref} has lost its data because a session in it was forgotten; use a later "
            "version, or build it again"
        )
    return found


def dataset_names(workspace: WorkspaceFolder) -> list[str]:
    """The names of all datasets, sorted."""
    places = sorted(workspace.datasets.iterdir()) if workspace.datasets.is_dir() else []
    return [place.name for place in places if place.is_dir() and _folders_in(place)]


def version_folders(workspace: WorkspaceFolder, name: str) -> list[Path]:
    """The folders of all finished versions of ``name``, oldest first."""
    return _folders_in(workspace.datasets / check_name(name))


def next_folder(workspace: WorkspaceFolder, name: str) -> Path:
    """Where the next version of ``name`` is to lie."""
    place = workspace.datasets / name
    taken = [int(found[1]) for found in map(_VERSION.fullmatch, _names_in(place)) if found]
    return place / f"v{max(taken, default=0) + 1:04d}"


def _folders_in(place: Path) -> list[Path]:
    found = [place / name for name in _names_in(place) if _VERSION.fullmatch(name)]
    return sorted((f for f in found if (f / MANIFEST_NAME).exists()), key=_number)


def _names_in(place: Path) -> list[str]:
    return [path.name for path in place.iterdir()] if place.is_dir() else []


def _number(folder: Path) -> int:
    return int(folder.name[1:])
