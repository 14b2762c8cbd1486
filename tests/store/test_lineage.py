"""Whatever was made from a session is found, over any number of steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.errors import NewerSchemaError
from understudy.store.appending import append_checked
from understudy.store.folder import WorkspaceFolder
from understudy.store.lineage import (
    descendants,
    exports,
    mark_forgotten,
    read_marks,
    record_export,
    unreadable,
)
from understudy.store.manifest import Kind, Manifest, Parent, write_manifest
from understudy.store.ulids import new_ulid


@pytest.fixture
def workspace(tmp_path: Path) -> WorkspaceFolder:
    return WorkspaceFolder(tmp_path / "ws")


def make(
    workspace: WorkspaceFolder, kind: Kind, name: str, version: str, *parents: tuple[Kind, str]
) -> str:
    place = {"dataset": workspace.datasets, "model": workspace.models, "bundle": workspace.bundles}
    folder = place[kind] / name / version
    folder.mkdir(parents=True)
    manifest = Manifest(
        kind=kind,
        id=new_ulid(),
        name=name,
        version=version,
        parents=[Parent(kind=kind_, id=id_) for kind_, id_ in parents],
    )
    write_manifest(folder, manifest)
    return manifest.id


def test_datasets_models_bundles_and_exports_of_a_session_are_found(
    workspace: WorkspaceFolder, tmp_path: Path
) -> None:
    session, other = new_ulid(), new_ulid()
    dataset = make(workspace, "dataset", "tavern", "v0001", ("session", session))
    make(workspace, "dataset", "tavern", "v0002", ("session", other))
    model = make(workspace, "model", "dm", "v0001", ("dataset", dataset))
    make(workspace, "bundle", "app", "v0001", ("model", model))
    make(workspace, "bundle", "app", "v0002", ("dataset", "tavern@v0002"))
    record_export(
        workspace,
        path=tmp_path / "out.jsonl",
        format="openai",
        sha256="ab",
        sessions=[session, other],
        query={"game": "tavern"},
    )
    found = descendants(workspace, "session", session)
    assert [(d.kind, d.name, d.version, d.direct) for d in found] == [
        ("dataset", "tavern", "v0001", True),
        ("model", "dm", "v0001", False),
        ("bundle", "app", "v0001", False),
        ("export", "openai", "", True),
    ]
    assert found[0].path == workspace.datasets / "tavern" / "v0001"
    assert found[-1].path == tmp_path / "out.jsonl"
    assert descendants(workspace, "session", new_ulid()) == []


def test_a_parent_may_be_named_by_version_and_the_origin_by_either(
    workspace: WorkspaceFolder,
) -> None:
    dataset = make(workspace, "dataset", "tavern", "v0001", ("session", "s"))
    make(workspace, "model", "dm", "v0001", ("dataset", "tavern@v0001"))
    make(workspace, "model", "dm", "v0002", ("model", "dm@v0001"))
    for asked in (dataset, "tavern@v0001"):
        found = descendants(workspace, "dataset", asked)
        assert [(d.version, d.direct) for d in found] == [("v0001", True), ("v0002", False)]


def test_a_direct_descendant_that_also_descends_by_another_way_is_direct(
    workspace: WorkspaceFolder,
) -> None:
    make(workspace, "model", "a", "v0001", ("dataset", "z@v0001"), ("session", "s"))
    make(workspace, "dataset", "z", "v0001", ("session", "s"))
    assert [d.direct for d in descendants(workspace, "session", "s")] == [True, True]


def test_things_that_name_each_other_do_not_hang_the_walk(workspace: WorkspaceFolder) -> None:
    make(workspace, "model", "a", "v0001", ("model", "b@v0001"), ("session", "s"))
    make(workspace, "model", "b", "v0001", ("model", "a@v0001"))
    assert [d.name for d in descendants(workspace, "session", "s")] == ["a", "b"]
    assert [d.name for d in descendants(workspace, "model", "a@v0001")] == ["b"]


def test_an_export_that_was_written_again_counts_as_what_it_is_now(
    workspace: WorkspaceFolder, tmp_path: Path
) -> None:
    for sessions in (["gone", "kept"], ["kept"]):
        record_export(
            workspace,
            path=tmp_path / "out.jsonl",
            format="openai",
            sha256="ab",
            sessions=sessions,
            query={},
            parents=[Parent(kind="dataset", id="d@v0001")],
        )
    assert len(exports(workspace)) == 2
    assert descendants(workspace, "session", "gone") == []
    assert len(descendants(workspace, "session", "kept")) == 1
    assert len(descendants(workspace, "dataset", "d@v0001")) == 1


def test_a_folder_that_cannot_be_read_is_reported_and_hides_nothing_else(
    workspace: WorkspaceFolder,
) -> None:
    make(workspace, "dataset", "a", "v0001", ("session", "s"))
    make(workspace, "dataset", "b", "v0001", ("session", "s"))
    (workspace.datasets / "a" / "v0001" / "manifest.json").write_bytes(b'{"schema":')
    assert [d.name for d in descendants(workspace, "session", "s")] == ["b"]
    (problem,) = unreadable(workspace)
    assert problem.file == "datasets/a/v0001/manifest.json"
    assert "is not a manifest" in problem.reason


def test_an_export_recorded_by_a_later_version_is_refused(workspace: WorkspaceFolder) -> None:
    record_export(workspace, path=Path("x"), format="f", sha256="", sessions=[], query={"limit": 1})
    (record,) = exports(workspace)
    assert Path(record.path).is_absolute()
    later = {name: getattr(record, name) for name in record.__struct_fields__} | {"schema": 99}
    append_checked(workspace.internal / "exports.jsonl", [later])
    with pytest.raises(NewerSchemaError, match="update Understudy"):
        exports(workspace)


def test_a_mark_is_kept_once_for_each_session_and_each_descendant(
    workspace: WorkspaceFolder, tmp_path: Path
) -> None:
    make(workspace, "dataset", "a", "v0001", ("session", "s"))
    for name in ("x", "y"):
        record_export(
            workspace, path=tmp_path / name, format="f", sha256="", sessions=["s"], query={}
        )
    dataset, first, second = descendants(workspace, "session", "s")
    for descendant in (dataset, first):
        assert mark_forgotten(descendant, "s")
        assert not mark_forgotten(descendant, "s")
        assert mark_forgotten(descendant, "t")
        assert [(m.mark, m.session) for m in read_marks(descendant)] == [
            ("forgotten", "s"),
            ("forgotten", "t"),
        ]
    assert read_marks(second) == []
    assert (dataset.path / "marks.jsonl").is_file()
