"""A forgotten session is gone from everything that it went into, and what cannot be is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import understudy
from understudy.datasets.export import export_chats
from understudy.datasets.selection import Selection
from understudy.errors import FormatError, SessionError
from understudy.pipeline.forgetting import forget, plan
from understudy.store.lineage import read_marks
from understudy.store.manifest import Manifest, Parent, write_manifest
from understudy.store.ulids import new_ulid


def log(ws: understudy.Workspace, array: Path, *questions: str) -> str:
    """Log to a collector, as a game does; the session's id."""
    collector = understudy.SimpleTrainingCollector(array, workspace=ws)
    for question in questions:
        collector.log_complete_interaction(
            [{"role": "user", "content": question}], f"{question} I do not know."
        )
    collector.close()
    return ws.rows()[0].id


def questions_in(array: Path) -> list[str]:
    return [example["messages"][0]["content"] for example in json.loads(array.read_text())]


def test_the_collectors_examples_go_with_their_session(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    array = tmp_path / "training_data.json"
    kept = log(ws, array, "Who?", "Where?")
    gone = log(ws, array, "Why?", "mail eve@example.com?")
    assert [change.path for change in plan(ws, gone).arrays] == [array]
    forgetting = forget(ws, gone)
    assert [change.removed for change in forgetting.arrays] == [2]
    assert questions_in(array) == ["Who?", "Where?"]
    assert [row.id for row in ws.rows()] == [kept]


def test_an_archived_session_is_taken_out_of_the_array_file_too(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    array = tmp_path / "training_data.json"
    log(ws, array, "Who?")
    gone = log(ws, array, "Why?")
    ws.archive_session(gone)
    assert forget(ws, gone).arrays[0].removed == 1
    assert questions_in(array) == ["Who?"]
    assert list(ws.archive.iterdir()) == []


def test_another_array_file_can_be_named(ws: understudy.Workspace, tmp_path: Path, capsys) -> None:
    array, other = tmp_path / "training_data.json", tmp_path / "copy.json"
    gone = log(ws, array, "Why?")
    other.write_bytes(array.read_bytes())
    changes = forget(ws, gone, arrays=[other]).arrays
    assert {change.path.name: change.removed for change in changes} == {
        "training_data.json": 1,
        "copy.json": 1,
    }


def test_an_array_file_that_cannot_be_read_keeps_the_session(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    array = tmp_path / "training_data.json"
    gone = log(ws, array, "Why?")
    array.write_bytes(array.read_bytes()[:-20])
    with pytest.raises(FormatError):
        forget(ws, gone)
    assert ws.session(gone).id == gone
    array.unlink()
    assert forget(ws, gone).forgotten.done


def test_planning_changes_nothing(ws: understudy.Workspace, tmp_path: Path, capsys) -> None:
    array = tmp_path / "training_data.json"
    gone = log(ws, array, "Why?")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.json*") if path.is_file()}
    planned = plan(ws, gone)
    assert planned.forgotten.done is False
    assert {p: p.read_bytes() for p in tmp_path.rglob("*.json*") if p.is_file()} == before


def exported(ws: understudy.Workspace, output: Path, **options: object) -> list[str]:
    report = export_chats(ws, output=output, **options)
    return [file.path for file in report.files]


def test_exports_that_hold_it_are_named_marked_and_written_again(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    log(ws, tmp_path / "a.json", "Who?")
    gone = log(ws, tmp_path / "a.json", "Why?")
    output = tmp_path / "out.jsonl"
    exported(ws, output)
    [made] = plan(ws, gone).forgotten.descendants
    assert (made.kind, made.path, made.direct) == ("export", output, True)
    forgetting = forget(ws, gone, rebuild=True)
    [rebuilt] = forgetting.rebuilt
    assert (rebuilt.problem, rebuilt.files) == (None, [output])
    assert "Why?" not in output.read_text()
    assert "Who?" in output.read_text()
    assert [mark.session for mark in read_marks(made)] == [gone]


def test_an_export_in_several_files_leaves_none_behind(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    log(ws, tmp_path / "a.json", "Who?")
    gone = log(ws, tmp_path / "a.json", "Why?", "When?")
    parts = exported(ws, tmp_path / "out.jsonl", max_bytes=120)
    assert len(parts) == 3
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert rebuilt.problem is None
    written = [path for path in tmp_path.glob("out*") if "report" not in path.name]
    assert written == rebuilt.files
    assert "Who?" in written[0].read_text()


def test_an_export_of_it_alone_is_removed(ws: understudy.Workspace, tmp_path: Path, capsys) -> None:
    gone = log(ws, tmp_path / "a.json", "Why?")
    output = tmp_path / "out.jsonl"
    exported(ws, output, selection=Selection(sessions=(gone[:20],)))
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert (rebuilt.problem, rebuilt.files) == (None, [])
    assert not output.exists()


def test_what_cannot_be_built_again_says_why(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    gone = log(ws, tmp_path / "a.json", "Why?")
    output = tmp_path / "out.jsonl"
    exported(ws, output)
    output.write_text(output.read_text() + "\n")
    folder = ws.datasets / "tavern" / "v0001"
    folder.mkdir(parents=True)
    manifest = Manifest(kind="dataset", id=new_ulid(), parents=[Parent(kind="session", id=gone)])
    write_manifest(folder, manifest)
    rebuilt = forget(ws, gone, rebuild=True).rebuilt
    assert [entry.what.kind for entry in rebuilt] == ["dataset", "export"]
    assert "build it again" in (rebuilt[0].problem or "")
    assert "was changed since" in (rebuilt[1].problem or "")
    assert output.exists()


def test_rebuilding_that_was_interrupted_can_be_asked_for_again(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    log(ws, tmp_path / "a.json", "Who?")
    gone = log(ws, tmp_path / "a.json", "Why?")
    output = tmp_path / "out.jsonl"
    exported(ws, output)
    forget(ws, gone)
    assert "Why?" in output.read_text()
    again = forget(ws, gone, rebuild=True)
    assert again.rebuilt[0].problem is None
    assert "Why?" not in output.read_text()


def test_a_session_that_never_was_cannot_be_forgotten(ws: understudy.Workspace) -> None:
    for name in (new_ulid(), "nobody"):
        with pytest.raises(SessionError):
            forget(ws, name)


def test_a_damaged_session_can_be_forgotten(
    ws: understudy.Workspace, tmp_path: Path, capsys
) -> None:
    gone = log(ws, tmp_path / "a.json", "Why?")
    (ws.session(gone).path / "session.json").write_bytes(b"{")
    assert forget(ws, gone).forgotten.done
    assert ws.rows() == []
