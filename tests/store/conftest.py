"""Databases for the catalog's tests: SQLite always, PostgreSQL where the environment names one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.store.appending import append_checked
from understudy.store.folder import WorkspaceFolder


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """What a ``Catalog`` is opened with; a test that takes it runs on both databases."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return tmp_path / "catalog.sqlite"


@pytest.fixture
def others_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that the test may read and not write, also where the tests run as root.

    ``os.geteuid`` is an ordinary user's until the test ends.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no users as on Unix")
    # What is imported on first use may lie where only root can read it.
    with WorkspaceFolder(tmp_path / "warm") as workspace:
        assert workspace.settings
        assert workspace.catalog.sessions() == []
    append_checked(tmp_path / "warm.jsonl", [{"n": 1}])
    # Not below pytest's own folder, through which only its owner may pass.
    folder = Path(tempfile.mkdtemp())
    (folder / "here").write_bytes(b"kept")
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)
        shutil.rmtree(folder)
