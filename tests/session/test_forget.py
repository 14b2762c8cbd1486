"""A forgotten session leaves nothing in the workspace but marks on what was made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

import understudy
from understudy.errors import SessionError
from understudy.session.keeping.forget import plan_forgetting
from understudy.store.lineage import read_marks, record_export
from understudy.store.manifest import Manifest, Parent, write_manifest
from understudy.store.ulids import new_ulid


def record(ws: understudy.Workspace) -> str:
    with ws.record(game="tavern") as recorder:
        recorder.step(action="look")
    return recorder.id


def make(folder: Path, kind: str, *parents: Parent) -> str:
    folder.mkdir(parents=True)
    made = Manifest(
        kind=kind, id=new_ulid(), name=folder.parent.name, version=folder.name, parents=[*parents]
    )
    write_manifest(folder, made)
    return made.id


@pytest.mark.parametrize("archived", [False, True])
def test_nothing_of_it_is_left(ws: understudy.Workspace, archived: bool) -> None:
    kept, gone = record(ws), record(ws)
    ws.session(gone).add_feedback(score=5, author="human:ann")
    if archived:
        ws.archive_session(gone)
    report = ws.forget(gone)
    assert report.done
    assert [row.id for row in ws.rows()] == [kept]
    left = [path for path in ws.path.rglob("*") if gone in path.name]
    assert left == []
    assert len(list(ws.runs.iterdir())) == 1
    assert list(ws.archive.iterdir()) == []
    with pytest.raises(SessionError):
        ws.session(gone)
    ws.reindex()
    assert [row.id for row in ws.rows()] == [kept]


def test_everything_that_holds_it_is_listed_and_marked(ws: understudy.Workspace) -> None:
    gone = record(ws)
    dataset = make(ws.datasets / "all" / "v0001", "dataset", Parent(kind="session", id=gone))
    model = make(ws.models / "bard" / "v0001", "model", Parent(kind="dataset", id=dataset))
    make(ws.bundles / "app" / "v0001", "bundle", Parent(kind="model", id=model))
    make(ws.datasets / "other" / "v0001", "dataset", Parent(kind="session", id=record(ws)))
    record_export(
        ws, path=ws.path / "out.jsonl", format="openai", sha256="", sessions=[gone], query={}
    )
    report = ws.forget(gone)
    assert [(made.kind, made.name, made.direct) for made in report.descendants] == [
        ("dataset", "all", True),
        ("model", "bard", False),
        ("bundle", "app", False),
        ("export", "openai", True),
    ]
    for made in report.descendants:
        assert [mark.session for mark in read_marks(made)] == [gone]


def test_what_may_hold_it_and_cannot_be_read_is_named(ws: understudy.Workspace) -> None:
    gone = record(ws)
    make(ws.datasets / "all" / "v0001", "dataset", Parent(kind="session", id=gone))
    (ws.datasets / "all" / "v0001" / "manifest.json").write_bytes(b"{")
    [problem] = ws.forget(gone).unreadable
    assert problem.file == "datasets/all/v0001/manifest.json"


def test_planning_says_what_would_go_and_changes_nothing(ws: understudy.Workspace) -> None:
    gone = record(ws)
    folder = ws.session(gone).path
    plan = plan_forgetting(ws, gone)
    assert (plan.removed, plan.done) == ([folder], False)
    assert plan.bytes == ws.find(gone).bytes
    assert ws.verify(gone) == []


def test_a_session_that_is_being_recorded_is_refused(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.step(action="a")
        with pytest.raises(SessionError, match="still being recorded"):
            ws.forget(recorder.id)
    assert ws.session(recorder.id).status == "sealed"


def test_a_folder_that_is_another_session_is_never_removed(ws: understudy.Workspace) -> None:
    gone, kept = record(ws), record(ws)
    place = ws.session(gone).path
    ws.session(kept).path.rename(place.with_name("elsewhere"))
    for path in sorted(place.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    place.rmdir()
    place.with_name("elsewhere").rename(place)
    with pytest.raises(SessionError, match="reindex"):
        ws.forget(gone)
    ws.reindex()
    assert ws.verify(kept) == []


def test_a_damaged_archive_can_be_forgotten(ws: understudy.Workspace) -> None:
    gone = record(ws)
    row = ws.archive_session(gone)
    (ws.archive / f"{row.directory}.json").write_bytes(b"{")
    ws.forget(gone)
    assert list(ws.archive.iterdir()) == []
