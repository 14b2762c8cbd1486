"""A workspace is made once and opened by anyone; what is no workspace stays as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.errors import NewerSchemaError, SettingsError, WorkspaceError
from understudy.store.catalog import SessionRow
from understudy.store.folder import WORKSPACE_SCHEMA, WorkspaceFolder, resolve_workspace_path
from understudy.store.ulids import is_ulid, new_ulid


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_a_new_workspace_has_its_folders_and_a_settings_file(tmp_path: Path) -> None:
    with WorkspaceFolder(tmp_path / "deep" / "ws") as workspace:
        names = {path.name for path in workspace.path.iterdir()}
        assert names == {
            "understudy.toml",
            ".understudy",
            "runs",
            "datasets",
            "models",
            "bundles",
            "archive",
        }
        assert workspace.runs == workspace.path / "runs"
        assert workspace.internal == workspace.path / ".understudy"
        assert is_ulid(workspace.id)
        assert workspace.settings.record.durability == "step"


def test_opening_again_changes_no_byte_and_keeps_the_identity(tmp_path: Path) -> None:
    first = WorkspaceFolder(tmp_path)
    before = snapshot(tmp_path)
    second = WorkspaceFolder(tmp_path)
    assert second.id == first.id
    assert snapshot(tmp_path) == before


def test_a_copy_of_a_workspace_is_a_workspace(tmp_path: Path) -> None:
    with WorkspaceFolder(tmp_path / "one") as one:
        row = SessionRow(id=new_ulid(), directory="session_x", started="2026-01-01T00:00:00Z")
        one.catalog.put_session(row)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    with WorkspaceFolder(tmp_path / "two", create=False) as two:
        assert two.catalog.sessions() == [row]


def test_folders_that_a_copy_lost_are_made_again(tmp_path: Path) -> None:
    WorkspaceFolder(tmp_path)
    (tmp_path / "archive").rmdir()
    shutil.rmtree(tmp_path / ".understudy")
    workspace = WorkspaceFolder(tmp_path, create=False)
    assert workspace.archive.is_dir()
    assert is_ulid(workspace.id)


def test_without_create_nothing_is_made_where_no_workspace_is(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="understudy init"):
        WorkspaceFolder(tmp_path / "ws", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [".", "runs", "datasets", ".understudy"])
def test_a_file_where_a_folder_belongs_is_refused_and_nothing_is_made(
    tmp_path: Path, name: str
) -> None:
    place = tmp_path / "ws"
    if name != ".":
        place.mkdir()
    (place / name).write_bytes(b"mine")
    before = snapshot(tmp_path)
    with pytest.raises(WorkspaceError, match="is a file where a folder") as caught:
        WorkspaceFolder(place)
    assert str(place / name) in str(caught.value)
    assert snapshot(tmp_path) == before


def test_a_file_on_the_way_to_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(WorkspaceError, match="cannot be made"):
        WorkspaceFolder(tmp_path / "file" / "ws")
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_a_folder_in_place_of_the_settings_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "understudy.toml").mkdir()
    with pytest.raises(WorkspaceError, match="is a folder where a file"):
        WorkspaceFolder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["understudy.toml"]


def test_a_workspace_of_a_later_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    marker = tmp_path / ".understudy" / "workspace.json"
    marker.parent.mkdir()
    marker.write_text(json.dumps({"schema": WORKSPACE_SCHEMA + 1, "id": "x", "new": True}))
    before = snapshot(tmp_path)
    with pytest.raises(NewerSchemaError, match="update Understudy"):
        WorkspaceFolder(tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "content", [b"", b'{"schema": ', b"\xff\x00\x01", b"[]", b'{"schema":"1"}']
)
def test_a_damaged_version_file_is_one_sentence_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    WorkspaceFolder(tmp_path)
    (tmp_path / ".understudy" / "workspace.json").write_bytes(content)
    before = snapshot(tmp_path)
    with pytest.raises(WorkspaceError, match="delete that file"):
        WorkspaceFolder(tmp_path)
    assert snapshot(tmp_path) == before


def test_settings_are_read_on_first_use_and_a_wrong_one_names_file_and_key(tmp_path: Path) -> None:
    workspace = WorkspaceFolder(tmp_path)
    (tmp_path / "understudy.toml").write_text('[record]\ndurability = "never"\n')
    with pytest.raises(SettingsError, match=r"understudy\.toml: `record\.durability`"):
        assert workspace.settings


def test_the_catalog_lies_where_the_settings_say(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.sqlite"
    settings = tmp_path / "ws" / "understudy.toml"
    settings.parent.mkdir()
    settings.write_text(f'[catalog]\nurl = "sqlite:///{elsewhere.as_posix()}"\n')
    with WorkspaceFolder(settings.parent) as workspace:
        assert workspace.catalog.sessions() == []
        assert workspace.catalog is workspace.catalog
        assert elsewhere.is_file()
        assert not (workspace.path / "catalog.sqlite").exists()


def test_a_closed_workspace_opens_its_catalog_again_when_asked(tmp_path: Path) -> None:
    workspace = WorkspaceFolder(tmp_path)
    row = SessionRow(id=new_ulid(), directory="d", started="2026-01-01T00:00:00Z")
    workspace.catalog.put_session(row)
    workspace.close()
    workspace.close()
    assert workspace.catalog.sessions() == [row]
    workspace.close()


def test_a_damaged_catalog_is_put_aside_and_an_empty_one_is_open(tmp_path: Path) -> None:
    with WorkspaceFolder(tmp_path) as workspace:
        (tmp_path / "catalog.sqlite").write_bytes(b"garbage" * 1000)
        aside = workspace.empty_catalog()
        assert aside is not None
        assert aside.read_bytes() == b"garbage" * 1000
        assert workspace.catalog.sessions() == []
        assert workspace.empty_catalog() is None


def test_the_place_is_the_argument_then_the_environment_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UNDERSTUDY_WORKSPACE", raising=False)
    here = Path.cwd()
    assert resolve_workspace_path() == here / "understudy"
    (tmp_path / "understudy.toml").touch()
    assert resolve_workspace_path() == here
    monkeypatch.setenv("UNDERSTUDY_WORKSPACE", "named")
    assert resolve_workspace_path() == here / "named"
    assert resolve_workspace_path("given") == here / "given"
    assert resolve_workspace_path("~/ws") == Path.home() / "ws"


@pytest.mark.slow
def test_processes_that_make_the_same_workspace_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys; from understudy.store.folder import WorkspaceFolder\n"
        "w = WorkspaceFolder(sys.argv[1]); w.catalog.sessions(); w.close(); print(w.id)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "ws")], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    ids = {process.communicate(timeout=60)[0].strip() for process in started}
    assert all(process.returncode == 0 for process in started)
    assert ids == {WorkspaceFolder(tmp_path / "ws").id}


def test_opening_a_workspace_that_exists_imports_nothing_heavy(tmp_path: Path) -> None:
    WorkspaceFolder(tmp_path)
    code = (
        "import sys; from understudy.store.folder import WorkspaceFolder\n"
        "WorkspaceFolder(sys.argv[1])\n"
        "heavy = {'sqlalchemy', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ("", "catalog.sqlite"),
        ("[catalog]\n# url = 'sqlite:///elsewhere'\n", "catalog.sqlite"),
        ("[mask]\nenabled = false\n", "catalog.sqlite"),
        ("[catalog]\nurl = ''\n", "catalog.sqlite"),
        ("catalog.url = 'sqlite:///elsewhere'\n", "sqlite:///elsewhere"),
    ],
)
def test_the_catalog_lies_where_the_settings_say_or_in_the_workspace(tmp_path, settings, place):
    (tmp_path / "understudy.toml").write_text(settings)
    with WorkspaceFolder(tmp_path) as workspace:
        assert str(workspace.catalog_url).removeprefix(f"{tmp_path}/") == place


@pytest.mark.parametrize("settings", ["[catalog", "[catalog]\nurl = 7\n"])
def test_settings_that_may_name_another_catalog_are_never_guessed_around(tmp_path, settings):
    (tmp_path / "understudy.toml").write_text(settings)
    with WorkspaceFolder(tmp_path) as workspace, pytest.raises(SettingsError):
        assert workspace.catalog_url
