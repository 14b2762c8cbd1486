"""Steps, chats and events: acknowledged when they are safe, never raising, masked first."""

import errno
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import understudy
from understudy.errors import CorruptionError, NewerSchemaError
from understudy.session.migrations import migrate
from understudy.session.steps import AgentStep, ChatStep, EventStep, decode_step


def test_a_step_is_on_disk_when_the_call_returns(ws: understudy.Workspace) -> None:
    recorder = ws.record(game="tavern")
    assert recorder.step(action="open door", observation="A door.", custom={"torch": 3}) is True
    lines = (recorder.path / "trace.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(lines[0])["action"] == "open door"
    recorder.seal()
    step = next(iter(ws.session(recorder.id).trace()))
    assert isinstance(step, AgentStep)
    assert (step.n, step.step, step.facts) == (1, 1, {"custom": {"torch": 3}})


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what is brought to the disk by ``fsync``, in order."""
    inodes: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        inodes.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", watched)
    return inodes


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be synced there")
def test_a_step_or_chat_is_acknowledged_after_its_file_and_the_files_name_are_synced(
    ws: understudy.Workspace, synced: list[int]
) -> None:
    with ws.record(game="tavern") as recorder:
        synced.clear()
        assert recorder.step(action="knock")
        assert set(synced) == {
            path.stat().st_ino for path in (recorder.path / "trace.jsonl", recorder.path)
        }
        for _ in range(3):
            synced.clear()
            assert recorder.chat(messages=[{"role": "user", "content": "Hail!"}], response=None)
            assert synced == [(recorder.path / "trace.jsonl").stat().st_ino]


@pytest.mark.slow
def test_with_an_interval_a_step_is_synced_afterwards_without_anybody_asking(
    ws: understudy.Workspace, synced: list[int]
) -> None:
    with ws.record(game="tavern", durability="interval") as recorder:
        assert recorder.step(action="knock")
        recorder.frame(state=1.0)
        files = [recorder.path / name for name in ("trace.jsonl", "frames.blocks")]
        deadline = time.monotonic() + 20
        while not all(file.exists() and file.stat().st_ino in synced for file in files):
            assert time.monotonic() < deadline, "it was never synced"
            time.sleep(0.01)


@pytest.mark.parametrize(("bad", "level"), [(False, logging.INFO), (True, logging.WARNING)])
def test_what_was_seen_stored_and_dropped_stands_in_the_log(
    ws: understudy.Workspace, caplog: pytest.LogCaptureFixture, bad: bool, level: int
) -> None:
    caplog.set_level(logging.INFO, logger="understudy")
    with ws.record(game="tavern") as recorder:
        recorder.step(action="knock")
        recorder.frame(state="no number" if bad else 1.0)
    said = [record for record in caplog.records if recorder.path.name in record.getMessage()]
    assert [record.levelno for record in said] == [level]
    counted = "seen=2, stored=1, dropped=1" if bad else "seen=2, stored=2, dropped=0"
    assert counted in said[0].getMessage()


def test_chats_and_events_stand_in_order_between_the_steps(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.step(action=1)
        recorder.chat(
            messages=[{"role": "user", "content": "Hail!"}],
            response={"role": "assistant", "content": "Well met."},
            model="bard",
            finish_reason="stop",
        )
        recorder.event("paused", seconds=3)
        recorder.step(action=2)
    trace = list(ws.session(recorder.id).trace())
    assert [type(line) for line in trace] == [AgentStep, ChatStep, EventStep, AgentStep]
    assert [line.n for line in trace] == [1, 2, 3, 4]
    chat = trace[1]
    assert isinstance(chat, ChatStep)
    assert chat.call == {"finish_reason": "stop"}
    assert isinstance(trace[3], AgentStep)
    assert trace[3].step == 2


def test_how_a_session_ended_and_what_was_said_of_it_is_masked_too(
    ws: understudy.Workspace,
) -> None:
    recorder = ws.record(game="g")
    recorder.step(action="a")
    recorder.seal("asked by eve@example.com", outcome="mail to eve@example.com")
    ws.session(recorder.id).add_feedback(
        score=3,
        author="human:eve@example.com",
        tags=["for eve@example.com"],
        comment="eve@example.com",
    )
    found = b"".join(path.read_bytes() for path in recorder.path.rglob("*") if path.is_file())
    assert b"eve@example.com" not in found
    assert ws.session(recorder.id).metadata.tags == ["for [EMAIL]"]


def test_secrets_and_personal_data_never_reach_the_disk(ws: understudy.Workspace) -> None:
    secret = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3
    with ws.record(task=f"write to eve@example.com with {secret}") as recorder:
        recorder.step(
            action="say", observation=f"my key is {secret}", note={"to": "eve@example.com"}
        )
        recorder.chat(messages=[{"role": "user", "content": f"{secret}"}], response=None)
    found = b"".join(path.read_bytes() for path in recorder.path.rglob("*") if path.is_file())
    assert secret.encode() not in found
    assert b"eve@example.com" not in found
    assert b"[EMAIL]" in found
    assert recorder.counters.masked["EMAIL"] >= 2
    assert ws.session(recorder.id).metadata.masked == sum(recorder.counters.masked.values())


class Odd:
    def __iter__(self):
        raise RuntimeError("I cannot be looked at")

    def __repr__(self) -> str:
        raise RuntimeError("I cannot be shown")


@pytest.mark.parametrize(
    "value",
    [
        object(),
        Odd(),
        {1: 2},
        {"a": {3, 4}},
        float("nan"),
        10**40,
        b"\x00\xff",
        "half \ud83d",
        {Odd(): 1},
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_without_a_json_form_costs_itself_and_not_the_step(
    ws: understudy.Workspace, value: object
) -> None:
    with ws.record() as recorder:
        recorder.step(action="look", result=value)
        recorder.step(action="go on")
    trace = list(ws.session(recorder.id).trace())
    assert [line.action for line in trace if isinstance(line, AgentStep)] == ["look", "go on"]
    assert recorder.counters.dropped == 0


def test_a_structure_without_end_is_dropped_and_counted(ws: understudy.Workspace) -> None:
    endless: list[object] = []
    endless.append(endless)
    with ws.record() as recorder:
        assert recorder.step(action=endless) is False
        assert recorder.step(action="go on") is True
    assert (recorder.counters.seen, recorder.counters.stored, recorder.counters.dropped) == (
        2,
        1,
        1,
    )


def test_a_broken_screenshot_is_left_out_and_the_step_kept(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        assert recorder.step(action="a", screenshot=b"no picture") is True
    step = next(iter(ws.session(recorder.id).trace()))
    assert isinstance(step, AgentStep)
    assert step.screenshot is None
    assert recorder.counters.bad_values == 1


def test_what_comes_after_the_end_is_counted_as_dropped(ws: understudy.Workspace) -> None:
    recorder = ws.record()
    recorder.seal()
    assert recorder.step(action="late") is False
    recorder.frame(state=1.0)
    assert recorder.counters.dropped == 2


def test_a_game_that_crashes_leaves_an_incomplete_session_with_its_reason(
    ws: understudy.Workspace,
) -> None:
    recorder = ws.record(game="g")

    def play() -> None:
        with recorder:
            recorder.step(action="a")
            raise ZeroDivisionError("division by zero")

    with pytest.raises(ZeroDivisionError):
        play()
    session = ws.session(recorder.id)
    assert session.status == "incomplete"
    assert session.metadata.reason == "ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_a_program_that_ends_without_closing_seals_its_session(tmp_path: Path) -> None:
    program = (
        "import sys, understudy\n"
        "r = understudy.Workspace(sys.argv[1]).record(game='g')\n"
        "r.step(action='a', wait=False)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path / "ws")], check=True)
    with understudy.Workspace(tmp_path / "ws") as ws:
        session = next(ws.sessions())
        assert session.status == "incomplete"
        assert "without closing" in (session.metadata.reason or "")
        assert len(list(session.trace())) == 1


@pytest.mark.slow
def test_a_disk_that_takes_no_more_drops_steps_and_says_so_but_never_raises(
    tmp_path: Path,
) -> None:
    # Given a process that may write no file beyond 20 kB
    program = """
import json, resource, signal, sys
import numpy as np, understudy
ws = understudy.Workspace(sys.argv[1])
ws.catalog.totals()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
recorder = ws.record(game="full")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
kept = [recorder.step(action="a", observation="x" * 1000) for _ in range(60)]
rng = np.random.default_rng(0)
for _ in range(300):
    recorder.frame(state=rng.normal(size=128))
sealed = recorder.seal()
c = recorder.counters
print(json.dumps([recorder.id, sum(kept), c.seen, c.stored, c.dropped, list(c.reasons)]))
"""
    child = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "ws")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    identity, kept, seen, stored, dropped, reasons = msgspec.json.decode(child.stdout)
    # Then everything is accounted for, and what was acknowledged is there
    assert seen == 360
    assert stored + dropped == seen
    assert 0 < kept < 60
    assert dropped > 0
    assert any(os.strerror(errno.EFBIG) in reason for reason in reasons)
    with understudy.Workspace(tmp_path / "ws") as ws:
        session = ws.session(identity)
        steps = [line for line in session.trace() if isinstance(line, AgentStep)]
        assert len(steps) == kept


@pytest.mark.slow
def test_a_forked_child_leaves_its_parents_session_alone(ws: understudy.Workspace) -> None:
    program = """
import os, sys, understudy
ws = understudy.Workspace(sys.argv[1])
recorder = ws.record(game="fork")
recorder.step(action="before")
child = os.fork()
if child == 0:
    ok = recorder.step(action="in the child")
    os._exit(0 if ok is False else 1)
_, status = os.waitpid(child, 0)
recorder.step(action="after")
recorder.seal()
sys.exit(status)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(ws.path)], check=True)
    session = next(ws.sessions())
    assert [line.action for line in session.trace() if isinstance(line, AgentStep)] == [
        "before",
        "after",
    ]


@pytest.mark.slow
def test_two_processes_record_into_one_workspace_at_once(tmp_path: Path) -> None:
    program = """
import sys, numpy as np, understudy
with understudy.Workspace(sys.argv[1]) as ws:
    for _ in range(5):
        with ws.record(game="twin", player=sys.argv[2]) as recorder:
            for number in range(20):
                recorder.step(action=number)
                recorder.frame(state=float(number))
"""
    workspace = str(tmp_path / "ws")
    children = [subprocess.Popen([sys.executable, "-c", program, workspace, name]) for name in "ab"]
    assert [child.wait() for child in children] == [0, 0]
    with understudy.Workspace(workspace) as ws:
        rows = ws.rows()
        assert len(rows) == 10
        assert {row.status for row in rows} == {"sealed"}
        assert len({row.directory for row in rows}) == 10
        for session in ws.sessions():
            actions = [line.action for line in session.trace() if isinstance(line, AgentStep)]
            assert actions == list(range(20))


def test_a_snapshot_of_a_database_in_use_is_a_whole_database(
    ws: understudy.Workspace, tmp_path: Path
) -> None:
    import contextlib
    import sqlite3

    with contextlib.closing(sqlite3.connect(tmp_path / "memory.db")) as database:
        database.execute("pragma journal_mode=wal")
        database.execute("create table facts (fact text)")
        database.execute("insert into facts values ('the innkeeper lies')")
        database.commit()
        with ws.record() as recorder:
            assert recorder.snapshot("before_session", tmp_path / "memory.db")
            assert not recorder.snapshot("after_session", tmp_path / "not there.db")
    copy = recorder.path / "memory_snapshots" / "before_session.db"
    with contextlib.closing(sqlite3.connect(copy)) as database:
        assert database.execute("select fact from facts").fetchall() == [("the innkeeper lies",)]
    assert recorder.counters.dropped == 1


def test_a_record_of_a_newer_version_is_refused_in_a_sentence() -> None:
    line = msgspec.json.encode(
        {"type": "step", "n": 1, "time": "2026-01-01T00:00:00Z", "step": 1, "schema": 99}
    )
    with pytest.raises(NewerSchemaError, match=r"schema 99 .* upgrade"):
        decode_step(line, where="line 1 of trace.jsonl")


def test_an_older_record_goes_through_every_numbered_step() -> None:
    migrated = migrate(
        {"schema": 1, "said": "hail"},
        what="a line",
        current=3,
        migrations={
            1: lambda record: {"text": record["said"]},
            2: lambda record: {"words": record["text"].split()},
        },
    )
    assert migrated == {"words": ["hail"], "schema": 3}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_in_a_trace_is_one_clear_error(garbage: bytes) -> None:
    with pytest.raises((CorruptionError, NewerSchemaError)):
        decode_step(garbage, where="line 1 of trace.jsonl")
