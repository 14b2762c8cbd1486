"""The demonstration plays, records, trains and ships what it says it does, and reuses it."""

from __future__ import annotations

import contextlib
import io
import json
import re

import pytest
from PIL import Image

import understudy
from understudy.cli.main import main
from understudy.datasets.versions import find_version
from understudy.deploy.bundle import find_bundle
from understudy.models.registry import VALIDATION, find_model
from understudy.pipeline.demo import demonstration
from understudy.pipeline.demo.agent_runs import TASKS
from understudy.pipeline.demo.plan import Plan, whole_plan
from understudy.pipeline.demo.tavern import ANSWERS
from understudy.session.steps import ChatStep

pytestmark = pytest.mark.slow
STAGES = 18


def small_plan() -> Plan:
    """The demonstration with little data, few steps and few questions."""
    plan = whole_plan()
    master, agent = plan.master.model_dump(by_alias=True), plan.agent.model_dump(by_alias=True)
    master["data"] |= {"scenarios": [], "casts": 1, "generated": 40, "turns": 4}
    master["train"]["settings"] |= {"max_steps": 6, "batch_size": 2}
    master["validate"] |= {"limit": 6, "sets": ["combinations", "values"], "most_lost": 1.0}
    agent["collect"] |= {"tasks": ["open-start-menu", "open-bag"]}
    agent["collect"]["rounds"] = [{"sessions": 3, "mistakes": 0.3}]
    agent["train"]["settings"] |= {"max_steps": 4, "batch_size": 2}
    agent["evaluate"] |= {"never_learned": [], "players": [], "episodes": 2}
    return Plan(
        tables=plan.tables[:2],
        master=type(plan.master).model_validate(master),
        agent=type(plan.agent).model_validate(agent),
    )


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demonstration, "whole_plan", small_plan)
        yield


@pytest.fixture(scope="module")
def played(tmp_path_factory, small):
    """Where a demonstration was played, and what it printed."""
    path = tmp_path_factory.mktemp("demo") / "understudy-demo"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert main(["demo", str(path)]) == 0
    return path, printed.getvalue()


def _table(printed: str) -> str:
    """What was measured before training and after it, as it was printed."""
    return printed[printed.index("Before training") :].partition("\n\n")[2].partition("\n\n")[0]


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
        rows = [row for row in workspace.rows(game="pocket") if "demo" in row.tags]
    assert {row.task_id for row in rows} == {task for task, _, _ in TASKS}
    assert len(rows) == 10
    assert all(row.status == "sealed" and row.auto_score is not None for row in rows)
    assert any(row.play.mistakes for row in rows)
    assert all(row.success for row in rows if not row.play.mistakes)


def test_what_scored_well_becomes_a_dataset_without_its_mistakes(played):
    with understudy.Workspace(played[0], create=False) as workspace:
        rows = [
            row
            for row in workspace.rows(game="pocket")
            if "demo" in row.tags and row.auto_score >= 6
        ]
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


def test_the_evenings_in_the_tavern_are_scored_and_learned_from(played):
    with understudy.Workspace(played[0], create=False) as workspace:
        evenings = [row for row in workspace.rows(game="tavern") if "demo" in row.tags]
        data = find_version(workspace, "dm-data")
    assert len(evenings) == 2
    good = {row.id for row in evenings if row.auto_score >= 7}
    assert good
    assert set(data.sessions) == good


def test_what_was_trained_is_measured_before_and_after_and_printed_with_its_interval(played):
    path, printed = played
    with understudy.Workspace(path, create=False) as workspace:
        found = find_model(workspace, "dm").result(VALIDATION)
    measured = {
        one["set"]: one
        for one in found["comparisons"]
        if (one["before"], one["after"]) == ("base", "in_game")
    }
    table = printed[printed.index("Before training and after it") :]
    for title, name in (("combinations never seen", "combinations"), ("values never", "values")):
        [line] = [line for line in table.splitlines() if title in line]
        assert f"{measured[name]['before_accuracy']:.1%}" in line
        assert f"{measured[name]['after_accuracy']:.1%}" in line
        assert line.rstrip().endswith(measured[name]["verdict"])
    assert "agent of pocket" in table


def test_what_was_deployed_plays_one_turn_at_the_table(played):
    path, printed = played
    with understudy.Workspace(path, create=False) as workspace:
        [turn] = [row for row in workspace.rows(game="tavern") if row.name == "first turn"]
        chats = [step for step in workspace.session(turn.id).trace() if isinstance(step, ChatStep)]
        bundle = find_bundle(workspace, "dm")
    assert turn.steps == 1
    assert chats
    assert all(chat.response["content"] for chat in chats)
    assert list(bundle.folder.rglob("*.gguf"))
    assert chats[0].messages[-1]["content"] in printed


def test_the_report_is_one_file_with_the_table_the_plots_and_the_pictures(played):
    page = (played[0] / "report.html").read_text("utf-8")
    assert "combinations never seen" in page
    assert page.count("<svg") == 2
    assert 'src="data:image/png;base64,' in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)


def test_it_says_where_everything_lies_and_what_to_try_next(played, capsys):
    path, printed = played
    for place in (
        "runs",
        "training/tavern.jsonl",
        "training/training_data.json",
        "datasets/agent-demo/v0001",
        "contact_sheet.png",
        "bundles/dm/v0001",
        "report.html",
    ):
        assert str(path / place) in printed
    commands = printed[printed.index("Go on") :].splitlines()
    asked = [line for line in commands if line.startswith("  ")]
    for line, command in zip(asked, ("play tavern", "serve dm", "score", "run dm"), strict=True):
        assert f" {command} " in line
    assert main(["session", "list", "-w", str(path)]) == 0
    assert "first turn" in capsys.readouterr().out


def test_the_second_time_everything_is_reused(played, capsys):
    path, first = played
    before = sorted(folder.name for folder in (path / "runs").iterdir())
    assert main(["demo", str(path)]) == 0
    again = capsys.readouterr().out
    assert "reused" not in first
    assert again.count("reused;") == STAGES
    assert _table(again) == _table(first)
    assert "Nothing had changed" in again
    assert sorted(folder.name for folder in (path / "runs").iterdir()) == before
    assert main(["session", "verify", "-w", str(path)]) == 0


def test_a_file_in_its_place_is_refused_in_a_sentence(tmp_path, capsys):
    (tmp_path / "taken").write_text("mine")
    assert main(["demo", str(tmp_path / "taken")]) == 2
    assert "taken" in capsys.readouterr().err
