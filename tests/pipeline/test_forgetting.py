"""A forgotten session is gone from everything that it went into, and what cannot be is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.datasets.played import play as play_session

import understudy
from understudy.datasets.build import BuildRequest, build_dataset
from understudy.datasets.export import export_chats
from understudy.datasets.export_version import export_version
from understudy.datasets.selection import Selection
from understudy.datasets.versions import (
    DatasetVersion,
    RowFiles,
    find_version,
    usable_version,
)
from understudy.errors import DatasetError, FormatError, SessionError
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


def play(ws: understudy.Workspace, task: str, *screens: int, seed: int = 0) -> str:
    """A session of a player, well scored; its id."""
    return play_session(ws, task, seed=seed, screens=screens)


def sessions_in(folder: Path) -> set[str]:
    version = RowFiles(folder)
    return {row.session for split in version.splits for row in version.rows(split)}


def test_a_dataset_is_built_again_without_it_and_its_old_data_are_gone(
    ws: understudy.Workspace,
) -> None:
    kept, gone = play(ws, "a", 1, 2), play(ws, "b", 3, 4)
    built = build_dataset(ws, "agent", BuildRequest(formats=("vllm",)))
    forgetting = forget(ws, gone, rebuild=True)
    [rebuilt] = forgetting.rebuilt
    new = ws.datasets / "agent" / "v0002"
    assert (rebuilt.problem, rebuilt.files, rebuilt.note) == (None, [new], "as agent@v0002")
    assert sessions_in(new) == {kept}
    assert (new / "exports" / "vllm").is_dir()
    left = {path.name for path in built.path.iterdir() if not path.name.endswith(".lock")}
    assert left == {"manifest.json", "marks.jsonl"}
    everything = [path for path in ws.datasets.rglob("*") if path.is_file()]
    holding = [path for path in everything if gone.encode() in path.read_bytes()]
    assert {path.name for path in holding} == {"manifest.json", "marks.jsonl"}
    assert {path.parent for path in holding} == {built.path}
    old = find_version(ws, "agent@v0001")
    assert (old.removed, old.forgotten) == (True, [gone])
    assert find_version(ws, "agent").version == "v0002"
    with pytest.raises(DatasetError, match="lost its data"):
        usable_version(ws, "agent@v0001")


def test_without_rebuilding_a_dataset_is_marked_and_keeps_its_data(
    ws: understudy.Workspace,
) -> None:
    gone = play(ws, "a", 1, 2)
    built = build_dataset(ws, "agent")
    assert [made.path for made in forget(ws, gone).forgotten.descendants] == [built.path]
    version = find_version(ws, "agent")
    assert (version.removed, version.forgotten) == (False, [gone])
    assert sessions_in(built.path) == {gone}


def test_rows_that_were_copies_of_the_forgotten_come_back(ws: understudy.Workspace) -> None:
    gone, copy = play(ws, "a", 1, 2), play(ws, "a", 1, 2, seed=1)
    built = build_dataset(ws, "agent")
    assert sessions_in(built.path) == {gone}
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert sessions_in(rebuilt.files[0]) == {copy}


def test_sessions_that_were_recorded_since_do_not_come_in(ws: understudy.Workspace) -> None:
    kept, gone = play(ws, "a", 1), play(ws, "b", 2)
    build_dataset(ws, "agent")
    play(ws, "c", 3)
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert sessions_in(rebuilt.files[0]) == {kept}


def test_only_the_newest_version_is_built_again(ws: understudy.Workspace) -> None:
    play(ws, "a", 1)
    gone = play(ws, "b", 2)
    build_dataset(ws, "agent")
    play(ws, "c", 3)
    build_dataset(ws, "agent")
    older, newer = forget(ws, gone, rebuild=True).rebuilt
    assert (older.files, older.note) == (
        [],
        "it is older than agent@v0002, so only its data were removed",
    )
    assert newer.files == [ws.datasets / "agent" / "v0003"]
    assert [find_version(ws, f"agent@v000{n}").removed for n in (1, 2, 3)] == [True, True, False]


def test_a_newer_version_without_it_is_not_hidden_by_an_older_one_built_again(
    ws: understudy.Workspace,
) -> None:
    gone = play(ws, "a", 1)
    build_dataset(ws, "agent")
    play(ws, "b", 2)
    build_dataset(ws, "agent", BuildRequest(selection=Selection(task="b")))
    [older] = forget(ws, gone, rebuild=True).rebuilt
    assert older.files == []
    assert find_version(ws, "agent").version == "v0002"


def test_a_dataset_of_it_alone_loses_its_data_and_gets_no_new_version(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    gone = play(ws, "a", 1)
    version = DatasetVersion(build_dataset(ws, "agent").path)
    export_version(ws, version, format="vllm", output=tmp_path / "agent.jsonl")
    dataset, export = forget(ws, gone, rebuild=True).rebuilt
    assert (dataset.problem, dataset.files) == (None, [])
    assert (export.problem, export.files) == (None, [])
    assert not (tmp_path / "agent.jsonl").exists()
    with pytest.raises(DatasetError, match="has lost its data"):
        find_version(ws, "agent")
    play(ws, "b", 2)
    assert build_dataset(ws, "agent").version == "v0002", "a number is not given twice"


def test_exports_of_a_dataset_are_written_again_from_its_new_version(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    play(ws, "a", 1, 2)
    gone = play(ws, "b", 3, 4)
    version = DatasetVersion(build_dataset(ws, "agent").path)
    folder = tmp_path / "out"
    report = export_version(ws, version, format="sharegpt", output=folder)
    forgetting = forget(ws, gone, rebuild=True)
    assert [one.problem for one in forgetting.rebuilt] == [None] * 2
    pictures = list(folder.rglob("*.png"))
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(lines) == len(pictures) == 2
    assert report.examples == 4


def test_an_archived_session_that_is_needed_keeps_the_dataset_as_it_is(
    ws: understudy.Workspace,
) -> None:
    stored, gone = play(ws, "a", 1), play(ws, "b", 2)
    built = build_dataset(ws, "agent")
    ws.archive_session(stored)
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert "lie in the archive" in (rebuilt.problem or "")
    assert sessions_in(built.path) == {stored, gone}
    ws.restore(stored)
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert sessions_in(rebuilt.files[0]) == {stored}


def test_a_rebuilding_that_was_killed_before_the_old_data_were_gone_is_finished(
    ws: understudy.Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, gone = play(ws, "a", 1), play(ws, "b", 2)
    built = build_dataset(ws, "agent")
    with monkeypatch.context() as patched:
        patched.setattr("understudy.datasets.without.take_data_away", _die)
        with pytest.raises(KeyboardInterrupt):
            forget(ws, gone, rebuild=True)
    assert sessions_in(built.path) == {kept, gone}
    [rebuilt] = forget(ws, gone, rebuild=True).rebuilt
    assert rebuilt.problem is None
    assert find_version(ws, "agent@v0001").removed
    assert sessions_in(find_version(ws, "agent").folder) == {kept}
    assert find_version(ws, "agent").version == "v0002"


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
