"""The demonstration plays, captures, scores and exports what it says it does, and reuses it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import subprocess
import sys

import pytest
from PIL import Image

import understudy
from understudy.cli.main import main
from understudy.datasets.versions import find_version
from understudy.pipeline.demo.agent_runs import TASKS
from understudy.pipeline.demo.tavern import ANSWERS
from understudy.session.steps import ChatStep


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Where a demonstration was played, and what it printed."""
    path = tmp_path_factory.mktemp("demo") / "understudy-demo"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["demo", str(path)]) == 0
    return path, printed.getvalue()


def test_the_same_calls_are_captured_three_ways(played):
    with understudy.Workspace(played[0], create=False) as workspace:
        sessions = {
            session.metadata.name: session
            for session in workspace.sessions()
            if session.metadata.play is None
        }
    assert set(sessions) == {"tavern client", "tavern proxy", "collector"}
    assert all(session.sealed for session in sessions.values())
    assert all(session.counters["dropped"] == 0 for session in sessions.values())
    chats = {
        name: [step for step in session.trace() if isinstance(step, ChatStep)]
        for name, session in sessions.items()
    }
    client, proxy = chats["tavern client"], chats["tavern proxy"]
    assert [(c.messages, c.response) for c in client] == [(c.messages, c.response) for c in proxy]
    assert len(client) == len(ANSWERS)
    assert [c.response.get("content") or "" for c in chats["collector"]] == [
        answer.text for answer in ANSWERS
    ]
    assert {chat.status for chat in proxy} == {"complete"}
    assert {chat.call["stream"] for chat in proxy} == {True, False}


def test_the_dataset_holds_every_call_and_no_address(played):
    path, printed = played
    examples = (path / "training" / "tavern.jsonl").read_text("utf-8").splitlines()
    collected = json.loads((path / "training" / "training_data.json").read_text("utf-8"))
    assert len(examples) == len(collected) == len(ANSWERS) >= 10
    assert any("tool_calls" in message for message in json.loads(examples[-1])["messages"])
    assert "quickfingers.org" not in "".join(examples) + json.dumps(collected)
    assert "write to [EMAIL] for the real nose" in printed


def test_ten_tasks_are_played_and_scored_and_those_with_mistakes_are_among_them(played):
    with understudy.Workspace(played[0], create=False) as workspace:
        rows = workspace.rows(game="pocket")
    assert {row.task_id for row in rows} == {task for task, _, _ in TASKS}
    assert len(rows) == 10
    assert all(row.status == "sealed" and row.auto_score is not None for row in rows)
    assert any(row.play.mistakes for row in rows)
    assert all(row.success for row in rows if not row.play.mistakes)


def test_what_scored_well_becomes_a_dataset_without_its_mistakes(played):
    with understudy.Workspace(played[0], create=False) as workspace:
        rows = [row for row in workspace.rows(game="pocket") if row.auto_score >= 6]
        version = find_version(workspace, "agent-demo")
    assert set(version.sessions) == {row.id for row in rows}
    assert 0 < version.facts["counts"]["rows"] <= sum(row.steps - row.play.mistakes for row in rows)
    exported = list((version.folder / "exports" / "vllm").glob("*.jsonl"))
    lines = [line for file in exported for line in file.read_text("utf-8").splitlines()]
    assert len(lines) == version.facts["counts"]["rows"]


def test_the_metrics_are_printed_and_the_sessions_drawn_on_one_sheet(played):
    path, printed = played
    for metric in ("completion", "efficiency", "coverage", "average human score"):
        assert metric in printed
    with Image.open(path / "contact_sheet.png") as sheet:
        assert sheet.height > 1000


def test_it_says_where_everything_lies_and_what_to_try_next(played, capsys):
    path, printed = played
    for place in (
        "runs",
        "training/tavern.jsonl",
        "training/training_data.json",
        "datasets/agent-demo/v0001",
        "contact_sheet.png",
    ):
        assert str(path / place) in printed
    [command] = [line for line in printed.splitlines() if "session show" in line]
    assert main(command[command.index("session show") :].split()) == 0
    assert "goose" in capsys.readouterr().out


@pytest.mark.slow
def test_what_to_try_next_can_be_typed_as_it_stands_however_it_was_started(tmp_path):
    folder = tmp_path / "my demo"
    environment = {name: value for name, value in os.environ.items() if name != "PATH"}
    done = subprocess.run(
        [sys.executable, "-m", "understudy", "demo", str(folder)],
        capture_output=True, text=True, check=True, env=environment | {"PATH": "/nowhere"},
    )  # fmt: skip
    [command] = [line for line in done.stdout.splitlines() if "session verify" in line]
    verified = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.slow
def test_without_a_folder_it_plays_in_one_of_its_own_and_reuses_it_the_next_time(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    first = capsys.readouterr().out
    assert "reused" not in first
    sessions = sorted(path.name for path in (tmp_path / "understudy-demo" / "runs").iterdir())
    assert main(["demo"]) == 0
    again = capsys.readouterr().out
    assert again.count("reused") == 5
    assert again[again.index("The same calls") :] == first[first.index("The same calls") :]
    assert sessions == sorted(
        path.name for path in (tmp_path / "understudy-demo" / "runs").iterdir()
    )
    assert main(["session", "verify", "-w", "understudy-demo"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["understudy-demo"]


def test_a_file_in_its_place_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "taken").write_text("mine")
    assert main(["demo", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err
