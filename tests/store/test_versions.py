"""What datasets, models and bundles share: versions that are numbered, found, and never shown half.

A version that lost its data keeps its number and its place in the lineage.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from understudy.errors import DatasetError, UsageError
from understudy.store.building_place import building_place, move_into_place, publishing
from understudy.store.folder import WorkspaceFolder
from understudy.store.lineage import descendants
from understudy.store.manifest import Manifest, Parent, write_manifest
from understudy.store.ulids import new_ulid
from understudy.store.versions import (
    Version,
    Versions,
    check_name,
    size_of_data,
    split_ref,
    take_data_away,
)


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceFolder:
    return WorkspaceFolder(tmp_path / "ws")


@pytest.fixture
def versions(workspace: WorkspaceFolder) -> Versions[Version]:
    return Versions(workspace.datasets, "dataset", DatasetError, Version)


def add(workspace: WorkspaceFolder, name: str, session: str = "S") -> Version:
    versions = Versions(workspace.datasets, "dataset", DatasetError, Version)
    with building_place(workspace) as folder:
        (folder / "rows").mkdir()
        (folder / "rows" / "train.bin").write_bytes(b"1234567890")
        (folder / "notes.txt").write_bytes(b"12345")
        with publishing(workspace, "dataset", name):
            target = versions.next_folder(name)
            manifest = Manifest(
                kind="dataset",
                id=new_ulid(),
                name=name,
                version=target.name,
                parents=[Parent(kind="session", id=session)],
            )
            write_manifest(folder, manifest)
            move_into_place(folder, target)
    return Version(target)


def test_versions_are_numbered_in_order_and_the_latest_is_found_without_a_number(
    workspace: WorkspaceFolder, versions: Versions[Version]
) -> None:
    for _ in range(11):
        add(workspace, "agent")
    assert [v.version for v in versions.all_of("agent")][:2] == ["v0001", "v0002"]
    assert versions.find("agent").ref == "agent@v0011"
    assert versions.find("agent@v0002").number == 2


def test_names_lists_only_what_has_a_finished_version(
    workspace: WorkspaceFolder, versions: Versions[Version]
) -> None:
    add(workspace, "zeta")
    add(workspace, "agent")
    (workspace.datasets / "begun" / "v0001").mkdir(parents=True)
    assert versions.names() == ["agent", "zeta"]


@pytest.mark.parametrize(
    ("ref", "told"),
    [
        ("nothing", "there is no dataset 'nothing'; there is: agent"),
        ("agent@v0009", "'agent' has no version 'v0009'; there is: v0001"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    workspace: WorkspaceFolder, versions: Versions[Version], ref: str, told: str
) -> None:
    add(workspace, "agent")
    with pytest.raises(DatasetError) as raised:
        versions.find(ref)
    assert str(raised.value) == told


def test_taking_the_data_away_keeps_the_number_the_manifest_and_what_was_asked_to_stay(
    workspace: WorkspaceFolder, versions: Versions[Version]
) -> None:
    first = add(workspace, "agent", session="SESSION")
    assert size_of_data(first, keep=("notes.txt",)) == 10

    assert take_data_away(first, keep=("notes.txt",)) == 10

    assert sorted(p.name for p in first.folder.iterdir() if not p.name.startswith(".")) == [
        "manifest.json",
        "marks.jsonl",
        "notes.txt",
    ]
    assert Version(first.folder).removed
    assert versions.next_folder("agent").name == "v0002"
    assert [d.version for d in descendants(workspace, "session", "SESSION")] == ["v0001"]


def test_a_mere_name_passes_over_versions_without_their_data(
    workspace: WorkspaceFolder, versions: Versions[Version]
) -> None:
    add(workspace, "agent")
    take_data_away(add(workspace, "agent"))
    assert versions.find("agent").version == "v0001"
    take_data_away(versions.find("agent@v0001"))
    with pytest.raises(DatasetError, match="every version of 'agent' has lost its data"):
        versions.find("agent")


def test_two_that_finish_at_once_get_two_versions(
    workspace: WorkspaceFolder, versions: Versions[Version]
) -> None:
    ready = threading.Barrier(4)

    def build() -> None:
        ready.wait()
        add(workspace, "agent")

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [v.version for v in versions.all_of("agent")] == ["v0001", "v0002", "v0003", "v0004"]


def test_nothing_is_left_of_a_build_that_fails(
    workspace: WorkspaceFolder, versions: Versions[Version]
) -> None:
    def fail() -> None:
        with building_place(workspace) as folder:
            (folder / "half").write_bytes(b"x")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert versions.names() == []
    assert list((workspace.internal / "building").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", " a", "a.", ".a", "a/b", "a@v1", "con", "nul.txt", "a\nb", "ä" * 101]
)
def test_a_name_that_cannot_be_a_folder_everywhere_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        check_name(name, "model")


@pytest.mark.parametrize("name", ["dm", "Kerkermeister zwei", "村", "a.b-c_d"])
def test_names_in_any_script_are_taken(name: str) -> None:
    assert check_name(name, "model") == name


def test_a_reference_is_a_name_and_perhaps_a_version() -> None:
    assert split_ref("dm@v0003") == ("dm", "v0003")
    assert split_ref("dm") == ("dm", None)
