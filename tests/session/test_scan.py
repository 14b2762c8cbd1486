"""Scanning says where something private is and never what; masking takes it out and says so."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest
from tests.session.abandoned import abandon_session

import understudy
from understudy.errors import CorruptionError
from understudy.session.keeping.rewrite import JOURNAL_NAME, STAGED_SUFFIX
from understudy.session.verify import verify
from understudy.store.lineage import record_export

WORDS = ["Ashdown", "Mirela"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A workspace where secrets were recorded before anybody listed them."""
    with understudy.Workspace(tmp_path / "ws") as ws:
        (tmp_path / "notes.txt").write_text("first\nMirela owes Ashdown\n")
        database = sqlite3.connect(tmp_path / "memory.db")
        database.execute("CREATE TABLE t (name TEXT)")
        database.execute("INSERT INTO t VALUES ('Ashdown')")
        database.commit()
        database.close()
        with ws.record(name="with Ashdown", metadata={"table": {"host": "Mirela"}}) as recorder:
            recorder.step(action="greet", observation="nothing here")
            recorder.chat(
                messages=[{"role": "user", "content": "Ashdown, meet Ashdown and Mirela"}],
                response={"role": "assistant", "content": "Well met."},
            )
            recorder.snapshot("notes", tmp_path / "notes.txt")
            recorder.snapshot("memory", tmp_path / "memory.db")
        session = ws.session(recorder.id)
        session.add_feedback(score=2, author="human:Mirela", comment="I know Ashdown")
        session.add_feedback(score=4, author="human:Ashdown")
        session.close()
    return tmp_path / "ws"


@pytest.fixture
def ws(path: Path):
    """The same, with the words listed now."""
    (path / "understudy.toml").write_text(f"schema = 1\n[mask]\nwords = {WORDS}\n")
    with understudy.Workspace(path) as workspace:
        yield workspace


def everything(ws: understudy.Workspace) -> bytes:
    return b"".join(
        path.read_bytes() for path in ws.runs.rglob("*") if path.is_file() and path.suffix != ".db"
    ) + b"".join(path.name.encode() for path in ws.runs.rglob("*"))


def test_nothing_is_found_in_what_was_masked_on_the_way_in(tmp_path: Path) -> None:
    with understudy.Workspace(tmp_path / "ws") as ws:
        with ws.record(task="write to eve@example.com", tick_hz=30.0) as recorder:
            recorder.step(action="call +44 20 7946 0958", reward=1.5)
            recorder.frame(state=1.0)
        report = ws.scan()
        assert (report.sessions, report.findings, report.not_read) == (1, [], [])


def test_every_place_is_named_with_kind_and_count_and_never_the_secret(
    ws: understudy.Workspace,
) -> None:
    report = ws.scan()
    places = {(f.file, f.line): (f.kind, f.count) for f in report.findings}
    assert places == {
        ("session.json", None): ("WORD", 2),
        ("trace.jsonl", 2): ("WORD", 3),
        ("feedback.jsonl", 1): ("WORD", 2),
        ("feedback.jsonl", 2): ("WORD", 1),
        ("memory_snapshots/notes.txt", 2): ("WORD", 2),
    }
    shown = msgspec.json.encode(report, enc_hook=str)
    assert b"Mirela" not in shown
    assert {problem.reason for problem in report.not_read} == {"holds no text"}
    assert any("memory.db" in problem.file for problem in report.not_read)


def test_scanning_changes_nothing(ws: understudy.Workspace) -> None:
    before = {path: path.read_bytes() for path in ws.runs.rglob("*") if path.is_file()}
    ws.scan()
    assert {path: path.read_bytes() for path in ws.runs.rglob("*") if path.is_file()} == before


def test_masking_leaves_no_trace_of_the_secret_and_a_session_that_verifies(
    ws: understudy.Workspace,
) -> None:
    [identity] = ws.scan(mask=True).masked
    assert b"Ashdown" not in everything(ws)
    assert b"Mirela" not in everything(ws)
    assert ws.scan().findings == []
    assert ws.verify(identity) == []
    session = ws.session(identity)
    assert [line.n for line in session.trace()] == [1, 2, 3, 4]
    chat = list(session.trace())[1]
    assert chat.messages[0]["content"] == "[WORD], meet [WORD] and [WORD]"
    assert session.header.name == "with [WORD]"
    assert session.path.name.endswith("_with_WORD")
    assert session.header.directory == session.path.name


def test_two_raters_stay_two_when_their_names_are_masked(ws: understudy.Workspace) -> None:
    [identity] = ws.scan(mask=True).masked
    current = ws.session(identity).current_feedback
    assert current.scores == {"human:[WORD]": 2, "human:[WORD] 2": 4}
    assert current.human_score == ws.find(identity).human_score == 3


def test_the_seal_says_that_it_was_masked_when_and_how_much(ws: understudy.Workspace) -> None:
    before = ws.rows()[0].sealed_sha256
    [identity] = ws.scan(mask=True).masked
    [entry] = ws.session(identity).manifest.facts["history"]
    assert entry["what"] == "masked"
    assert entry["counts"] == {"WORD": 10}
    assert entry["replaced_sha256"] == before
    assert entry["files"] == [
        "feedback.jsonl",
        "memory_snapshots/notes.txt",
        "session.json",
        "trace.jsonl",
    ]
    assert ws.find(identity).sealed_sha256 != before


def test_masking_twice_adds_to_the_history(ws: understudy.Workspace) -> None:
    ws.scan(mask=True)
    (ws.path / "understudy.toml").write_text('schema = 1\n[mask]\nwords = ["Well met"]\n')
    with understudy.Workspace(ws.path) as again:
        [identity] = again.scan(mask=True).masked
        history = again.session(identity).manifest.facts["history"]
        assert [entry["counts"] for entry in history] == [{"WORD": 10}, {"WORD": 1}]
        assert again.verify(identity) == []


def test_what_holds_the_same_elsewhere_is_named(ws: understudy.Workspace) -> None:
    identity = ws.rows()[0].id
    record_export(
        ws, path=ws.path / "out.jsonl", format="openai", sha256="", sessions=[identity], query={}
    )
    assert [made.path.name for made in ws.scan().elsewhere] == ["out.jsonl"]


def test_the_archive_is_looked_into_on_request_and_masked(ws: understudy.Workspace) -> None:
    identity = ws.rows()[0].id
    ws.archive_session(identity)
    assert ws.scan().sessions == 0
    assert ws.scan(archived=True).counts() == {"WORD": 10}
    assert ws.scan([identity]).counts() == {"WORD": 10}
    ws.scan(archived=True, mask=True)
    assert ws.find(identity).archived
    assert ws.scan(archived=True).findings == []
    assert ws.verify(identity) == []
    ws.restore(identity)
    assert b"Ashdown" not in everything(ws)


@pytest.mark.slow
def test_a_killed_session_is_sealed_and_masked(tmp_path: Path) -> None:
    identity = abandon_session(tmp_path / "ws")
    (tmp_path / "ws" / "understudy.toml").write_text('schema = 1\n[mask]\nwords = ["screen"]\n')
    with understudy.Workspace(tmp_path / "ws") as ws:
        report = ws.scan(mask=True)
        assert report.masked == [identity]
        assert ws.session(identity).sealed
        assert ws.verify(identity) == []
        assert b"screen 4" not in everything(ws)


def test_a_session_that_is_being_recorded_is_reported_and_left_alone(
    ws: understudy.Workspace,
) -> None:
    with understudy.Workspace(ws.path.parent / "other") as other, other.record() as recorder:
        recorder.step(action="wait for eve")
        (other.path / "understudy.toml").write_text('schema = 1\n[mask]\nwords = ["eve"]\n')
        with understudy.Workspace(other.path) as looking:
            report = looking.scan(mask=True)
        assert report.masked == []
        assert any("still being recorded" in problem.reason for problem in report.not_read)


def test_damage_is_never_masked_over(ws: understudy.Workspace) -> None:
    trace = ws.session(ws.rows()[0].id).path / "trace.jsonl"
    data = bytearray(trace.read_bytes())
    data[-20] ^= 1
    trace.write_bytes(data)
    report = ws.scan(mask=True)
    assert report.masked == []
    assert any("is damaged" in problem.reason for problem in report.not_read)
    assert trace.read_bytes() == data


def test_an_interrupted_rewriting_is_a_problem_until_the_session_is_opened(
    ws: understudy.Workspace,
) -> None:
    folder = ws.session(ws.rows()[0].id).path
    (folder / f".trace.jsonl{STAGED_SUFFIX}").write_bytes(b"half")
    assert verify(folder) == []
    (folder / JOURNAL_NAME).write_bytes(b"{}")
    [problem] = verify(folder)
    assert problem.file == JOURNAL_NAME
    with pytest.raises(CorruptionError, match="take the session back from a copy"):
        ws.session(folder.name)
    (folder / JOURNAL_NAME).unlink()
    ws.session(folder.name).close()
    assert not list(folder.glob(f".*{STAGED_SUFFIX}"))
