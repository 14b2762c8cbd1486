"""The work that comes round: each part alone, nothing without being asked, and all of it told."""

from __future__ import annotations

import datetime
import json
import os
import time
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock
from tests.models.weights import add as add_version
from tests.store.damage import flip_bit

import understudy
from understudy.cli.main import main
from understudy.errors import ModelError, WorkspaceError
from understudy.models.registry import models_of, promote
from understudy.pipeline import maintenance_monthly
from understudy.pipeline.maintenance import Order, done, maintain, nothing
from understudy.store.ulids import new_ulid

MONTHLY = [
    "tools",
    "old models",
    "old bundles",
    "interrupted trainings",
    "retention",
    "sessions",
    "datasets",
    "models",
    "bundles",
]


def told(workspace, *, apply=True, when="monthly"):
    """Name of the part → its state and what it said."""
    finished = maintain(workspace, when, Order(apply=apply))
    return {part.name: (part.outcome.state, part.outcome.said) for part in finished.parts}


def everything_in(folder: Path):
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("catalog.sqlite")
    }


def exchange(workspace, text, name="night"):
    with workspace.record(game="tavern", name=name) as session:
        session.chat(
            messages=[{"role": "user", "content": "I rest."}],
            response={"role": "assistant", "content": text},
        )
    return workspace.find(session.id)


def old_training(workspace, *, days):
    """What an interrupted training left, last touched that long ago."""
    folder = workspace.internal / "training" / "dm" / new_ulid()
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"x" * 1000)
    then = time.time() - days * 86_400
    for path in (folder / "weights", folder):
        os.utime(path, (then, then))
    return folder


def test_an_empty_workspace_needs_nothing_and_has_a_report(ws):
    finished = maintain(ws, "monthly", Order(apply=True))
    assert finished.ok
    assert [part.name for part in finished.parts] == MONTHLY
    assert finished.report is not None
    assert finished.report.parent == ws.path / "maintenance"
    text = finished.report.read_text()
    assert text.startswith("# Monthly maintenance of 20")
    for part in finished.parts:
        assert f"- **{part.name}** " in text


@pytest.mark.slow
def test_without_apply_nothing_is_changed_and_what_would_be_is_said(ws):
    exchange(ws, "You sleep. [rest: Mira, long]")
    for _ in range(5):
        add_version(ws, "dm")
    old_training(ws, days=30)
    before = everything_in(ws.path)
    said = told(ws, apply=False)
    assert said["tools"] == ("planned", "take in 1 new tool: rest")
    assert said["old models"][0] == "planned"
    assert "dm@v0001, dm@v0002" in said["old models"][1]
    assert said["interrupted trainings"] == ("planned", "remove checkpoints of dm, 0.0 MB")
    after = everything_in(ws.path)
    after.pop(".understudy/maintenance.lock", None)
    assert after == before


@pytest.mark.slow
def test_a_tool_that_was_called_becomes_known_with_its_documentation(ws):
    exchange(ws, "You sleep. [rest: Mira, long]")
    state, said = told(ws)["tools"]
    assert state == "done"
    assert "1 new tool: rest, taken into tool_registry.json; read it" in said
    registry = json.loads((ws.path / "tool_registry.json").read_text())
    assert "rest" in json.dumps(registry)
    assert "rest" in (ws.path / "tool_documentation.md").read_text()
    assert told(ws)["tools"][0] == "nothing"


def test_a_malformed_call_fails_its_part_and_no_other(ws):
    exchange(ws, "Quick! [save: dexterity, Mira, high]")
    said = told(ws)
    assert said["tools"][0] == "failed"
    assert "save" in said["tools"][1]
    assert {state for name, (state, _) in said.items() if name != "tools"} <= {"done", "nothing"}


@pytest.mark.slow
def test_old_versions_lose_their_weights_and_the_one_in_use_keeps_them(ws):
    for _ in range(5):
        add_version(ws, "dm")
    promote(ws, "dm@v0001", "by hand")
    assert told(ws)["old models"][0] == "done"
    standing = [one.version for one in models_of(ws).all_of("dm") if not one.removed]
    assert standing == ["v0001", "v0003", "v0004", "v0005"]


@pytest.mark.slow
def test_only_what_was_interrupted_long_ago_is_given_up(ws):
    folder = old_training(ws, days=2)
    assert told(ws)["interrupted trainings"] == ("nothing", "there are none")
    assert folder.is_dir()
    then = time.time() - 8 * 86_400
    for path in (folder / "weights", folder):
        os.utime(path, (then, then))
    assert told(ws)["interrupted trainings"][0] == "done"
    assert not folder.exists()


@pytest.mark.slow
def test_the_rules_of_retention_are_kept(tmp_path):
    with understudy.Workspace(tmp_path) as workspace:
        row = exchange(workspace, "Good night.")
        then = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=99)).isoformat()
        workspace.catalog.put_session(msgspec.structs.replace(row, started=then, ended=then))
    (tmp_path / "understudy.toml").write_text("schema = 1\n[retention]\narchive_after_days = 90\n")
    with understudy.Workspace(tmp_path) as workspace:
        state, said = told(workspace, apply=False)["retention"]
        assert state == "planned"
        assert f"1 session (archive {row.directory}: it ended 99 days ago" in said
        assert not workspace.find(row.id).archived
        assert told(workspace)["retention"] == ("done", "1 session put away or forgotten")
        assert workspace.find(row.id).archived


@pytest.mark.slow
def test_a_flipped_bit_is_found_wherever_it_is(ws):
    row = exchange(ws, "Good night.")
    version = add_version(ws, "dm")
    weights = next(path for path in version.folder.rglob("*.safetensors"))
    flip_bit(weights, 99)
    flip_bit(ws.runs / row.directory / "trace.jsonl", 99)
    finished = maintain(ws, "monthly", Order(apply=True))
    failed = {part.name: part.outcome for part in finished.parts if part.failed}
    assert set(failed) == {"sessions", "models"}
    assert row.directory in failed["sessions"].said
    assert f"dm@v0001: {weights.relative_to(version.folder).as_posix()}" in failed["models"].said
    assert "at least one byte was changed" in failed["models"].said
    assert not finished.ok
    assert "failed: " in finished.report.read_text()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (ModelError("the base is gone; bring it back"), "the base is gone; bring it back"),
        (RuntimeError("CUDA error"), "RuntimeError: CUDA error; run it alone with --debug"),
    ],
)
def test_whatever_one_part_throws_the_others_are_done(ws, monkeypatch, fault, said):
    def throw():
        raise fault

    plan = [
        ("one", "", lambda: done("well")),
        ("two", "dm", throw),
        ("three", "", lambda: nothing("x")),
    ]
    monkeypatch.setattr(maintenance_monthly, "monthly", lambda workspace, order: iter(plan))
    seen = []
    finished = maintain(ws, "monthly", Order(apply=True), report=seen.append)
    assert [part.outcome.state for part in finished.parts] == ["done", "failed", "nothing"]
    assert seen == finished.parts
    assert finished.parts[1].outcome.said.startswith(said)


def test_two_at_once_are_one_too_many(ws):
    lock = FileLock(ws.internal / "maintenance.lock")
    with lock, pytest.raises(WorkspaceError, match="another maintenance"):
        maintain(ws, "weekly", Order())


def test_the_week_of_a_workspace_without_models_is_short(ws):
    assert told(ws, when="weekly") == {
        "new data": ("nothing", "no model was trained yet; `understudy train sft` does")
    }


@pytest.mark.slow
def test_the_command_tells_each_part_and_fails_when_one_did(ws, capsys):
    exchange(ws, "You sleep. [rest: Mira, long]")
    assert main(["maintain", "monthly", "-w", str(ws.path)]) == 0
    out = capsys.readouterr().out
    assert "would    tools                   take in 1 new tool: rest" in out
    assert "Nothing was changed: --apply does it." in out
    exchange(ws, "Quick! [save: dexterity, Mira, high]", name="later")
    assert main(["maintain", "monthly", "--apply", "--json", "-w", str(ws.path)]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"] is False
    assert facts["applied"] is True
    assert [part["name"] for part in facts["parts"]] == MONTHLY
    assert facts["parts"][0]["outcome"]["state"] == "failed"
    assert Path(facts["report"]).is_file()


def test_the_two_scripts_are_written_where_they_are_wanted(tmp_path, capsys):
    assert main(["maintain", "scripts", str(tmp_path / "scripts")]) == 0
    for name, when in (("weekly_maintenance.sh", "weekly"), ("monthly_updates.sh", "monthly")):
        path = tmp_path / "scripts" / name
        assert os.access(path, os.X_OK)
        assert f"exec understudy maintain {when} --apply" in path.read_text()
    (tmp_path / "scripts/weekly_maintenance.sh").write_text("#!/bin/sh\n# mine\n")
    assert main(["maintain", "scripts", str(tmp_path / "scripts")]) == 0
    assert "kept " in capsys.readouterr().out
    assert "mine" in (tmp_path / "scripts/weekly_maintenance.sh").read_text()
