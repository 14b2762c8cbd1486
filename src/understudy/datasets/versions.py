"""The versions of datasets in a workspace: their files, and reading their rows.

Only forgetting a session takes the data of a version away.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq

from understudy.datasets.splits import SPLITS
from understudy.errors import DatasetError
from understudy.formats.dataset_rows import Row
from understudy.formats.hf_parquet import Kind, read_rows
from understudy.store.folder import WorkspaceFolder
from understudy.store.versions import Version, Versions

LEFT_OUT_NAME = "left_out.jsonl"
EXPORTS_NAME = "exports"


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


class DatasetVersion(RowFiles, Version):
    """One version of a dataset, opened. Raises as `read_manifest` does."""

    def __init__(self, folder: Path) -> None:
        Version.__init__(self, folder)

    @property
    def kind(self) -> Kind:
        return cast("Kind", self.facts.get("kind", "agent"))

    @property
    def sessions(self) -> list[str]:
        """The ids of the sessions that rows are from."""
        return [parent.id for parent in self.manifest.parents if parent.kind == "session"]


def datasets_of(workspace: WorkspaceFolder) -> Versions[DatasetVersion]:
    """All versions of all datasets."""
    return Versions(workspace.datasets, "dataset", DatasetError, DatasetVersion)


def find_version(workspace: WorkspaceFolder, ref: str) -> DatasetVersion:
    """The version written ``NAME@v0003``, or of a mere ``NAME`` the latest that has its data.

    Raises DatasetError when there is none, UsageError for what is no name.
    """
    return datasets_of(workspace).find(ref)


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
    return datasets_of(workspace).names()


def version_folders(workspace: WorkspaceFolder, name: str) -> list[Path]:
    """The folders of all finished versions of ``name``, oldest first."""
    return datasets_of(workspace).folders(name)


def next_folder(workspace: WorkspaceFolder, name: str) -> Path:
    """Where the next version of ``name`` is to lie."""
    return datasets_of(workspace).next_folder(name)
