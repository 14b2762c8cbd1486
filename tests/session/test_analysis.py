"""What a player found out, kept beside the trace: analyses, and copies of its memory."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

import understudy


def memory() -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE facts (fact TEXT)")
        database.execute("INSERT INTO facts VALUES ('the innkeeper lies')")
        database.commit()
        return database.serialize()


def test_an_analysis_is_a_readable_file_that_is_sealed_with_the_session(
    ws: understudy.Workspace,
) -> None:
    with ws.record() as recorder:
        assert recorder.analysis("error_analysis", {"failed": [{"step": 1, "path": Path("a")}]})
    path = recorder.path / "analysis" / "error_analysis.json"
    assert json.loads(path.read_text()) == {"failed": [{"step": 1, "path": "a"}]}
    assert path.read_text().startswith('{\n  "failed"')
    manifest = ws.session(recorder.id).manifest
    assert manifest is not None
    assert "analysis/error_analysis.json" in manifest.files
    path.write_text(path.read_text().replace("1", "2"))
    [problem] = ws.verify(recorder.id)
    assert problem.file == "analysis/error_analysis.json"


def test_an_analysis_given_again_replaces_the_one_before(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.analysis("notes", {"a": 1})
        recorder.analysis("notes", {"b": 2})
    assert json.loads((recorder.path / "analysis" / "notes.json").read_text()) == {"b": 2}


def test_secrets_in_an_analysis_never_reach_the_disk(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.analysis("notes", {"eve@example.com": ["write to eve@example.com"]})
    assert "eve@example.com" not in (recorder.path / "analysis" / "notes.json").read_text()
    assert recorder.counters.masked["EMAIL"] == 2


@pytest.mark.parametrize("name", ["../../escaped", "", "a/b", "..", "C:\\notes"])
def test_whatever_an_analysis_is_called_it_stays_in_its_folder(
    ws: understudy.Workspace, name: str
) -> None:
    with ws.record() as recorder:
        assert recorder.analysis(name, {})
    [path] = (recorder.path / "analysis").iterdir()
    assert path.suffix == ".json"
    assert ws.verify(recorder.id) == []


def test_what_cannot_be_kept_of_an_analysis_costs_itself(ws: understudy.Workspace) -> None:
    endless: list[object] = []
    endless.append(endless)
    with ws.record() as recorder:
        recorder.step(action="a")
        assert not recorder.analysis("notes", endless)
        assert recorder.analysis("odd", {"thing": object(), "half": "\ud800"})
    assert "'notes' could not be kept" in (recorder.counters.last_error or "") or (
        recorder.counters.bad_values > 0
    )
    assert ws.session(recorder.id).status == "sealed"
    assert ws.verify(recorder.id) == []


def test_a_snapshot_may_be_given_as_its_content(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        assert recorder.snapshot("before_session.db", memory())
    path = recorder.path / "memory_snapshots" / "before_session.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT fact FROM facts").fetchall() == [("the innkeeper lies",)]
    [event] = ws.session(recorder.id).trace()
    assert event.facts == {
        "name": "before_session.db",
        "file": "memory_snapshots/before_session.db",
    }
    assert ws.verify(recorder.id) == []


def test_nothing_is_added_to_a_session_that_is_sealed(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.step(action="a")
        recorder.analysis("notes", {"a": 1})
    assert not recorder.analysis("notes", {"b": 2})
    assert not recorder.analysis("more", {})
    assert not recorder.snapshot("late.db", memory())
    assert json.loads((recorder.path / "analysis" / "notes.json").read_text()) == {"a": 1}
    assert not (recorder.path / "memory_snapshots").exists()
    assert recorder.counters.dropped == 1
    assert ws.verify(recorder.id) == []


def test_a_session_that_never_began_takes_nothing_and_says_why(ws: understudy.Workspace) -> None:
    ws.runs.rmdir()
    ws.runs.write_text("a file where the sessions belong")
    recorder = ws.record(game="tavern")
    assert "could not begin" in (recorder.failure or "")
    assert not recorder.analysis("notes", {})
    assert not recorder.snapshot("memory.db", memory())
    assert not recorder.step(action="a")
    assert recorder.seal() is False
    assert recorder.counters.seen == recorder.counters.dropped == 2
