"""Where nothing may be written, one sentence says so, and what can be read is still read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from understudy.errors import CatalogError, SettingsError, StorageError, WorkspaceError
from understudy.store.appending import append_checked
from understudy.store.atomic import write_atomic
from understudy.store.catalog import Catalog
from understudy.store.folder import WorkspaceFolder


def test_a_file_cannot_be_written_or_added_to(others_folder: Path) -> None:
    for name in ("here", "new"):
        with pytest.raises(StorageError, match="permission denied"):
            write_atomic(others_folder / name, b"x")
        with pytest.raises(StorageError, match="permission denied"):
            append_checked(others_folder / name, [{"n": 1}])
    assert [path.name for path in others_folder.iterdir()] == ["here"]
    assert (others_folder / "here").read_bytes() == b"kept"


def test_a_workspace_cannot_be_made(others_folder: Path) -> None:
    for place in (others_folder, others_folder / "ws"):
        with pytest.raises(WorkspaceError, match=r"cannot be made.*permission denied"):
            WorkspaceFolder(place)
    assert [path.name for path in others_folder.iterdir()] == ["here"]


def test_a_catalog_cannot_be_made(others_folder: Path) -> None:
    with pytest.raises(CatalogError, match="may be written"):
        Catalog(others_folder / "catalog.sqlite")


def test_a_workspace_that_may_only_be_read_is_opened(others_folder: Path) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    others_folder.chmod(0o755)
    made = WorkspaceFolder(others_folder)
    (others_folder / "understudy.toml").chmod(0o644)
    others_folder.chmod(0o555)
    os.seteuid(user)
    workspace = WorkspaceFolder(others_folder)
    assert workspace.id == made.id
    assert workspace.settings.record.durability == "step"


def test_settings_that_may_not_be_read_are_one_sentence(others_folder: Path) -> None:
    user = os.geteuid()
    os.seteuid(os.getuid())
    others_folder.chmod(0o755)
    WorkspaceFolder(others_folder)
    (others_folder / "understudy.toml").chmod(0o000)
    os.seteuid(user)
    with pytest.raises(SettingsError, match="permission denied"):
        assert WorkspaceFolder(others_folder).settings
