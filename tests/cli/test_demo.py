"""The demonstration plays, captures and exports what it says it does."""

from __future__ import annotations

import json

import understudy
from understudy.cli.main import main


def test_the_demo_captures_the_same_calls_three_ways_and_exports_them(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    shown = capsys.readouterr().out

    with understudy.Workspace("demo") as workspace:
        sessions = {session.metadata.name: session for session in workspace.sessions()}
        chats = {
            name: [step for step in session.trace() if step.messages]
            for name, session in sessions.items()
        }
    assert set(sessions) == {"tavern client", "tavern proxy", "collector"}
    assert all(session.sealed for session in sessions.values())
    answers = {
        name: [step.response.get("content") or "" for step in steps]
        for name, steps in chats.items()
    }
    assert answers["tavern client"] == answers["tavern proxy"] == answers["collector"]
    assert all(step.status == "complete" for step in chats["tavern proxy"])

    examples = (tmp_path / "demo/training/tavern.jsonl").read_text(encoding="utf-8").splitlines()
    collected = json.loads((tmp_path / "demo/training/training_data.json").read_text("utf-8"))
    assert len(examples) == len(collected) == len(answers["collector"])
    assert "drowned-lantern.com" not in "".join(examples)
    assert str(tmp_path / "demo" / "runs") in shown
    assert str(tmp_path / "demo" / "training" / "tavern.jsonl") in shown
