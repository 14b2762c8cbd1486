"""The commands that move sessions and mask them after the fact."""

from __future__ import annotations

import json

import pytest

import understudy
from understudy.cli.main import main


@pytest.fixture
def recorded(tmp_path):
    """A workspace with one chat about Lady Ashdown; returns its path and the session's id."""
    path = tmp_path / "workspace"
    with understudy.Workspace(path) as workspace, workspace.record(game="tavern") as session:
        session.chat(
            messages=[{"role": "user", "content": "Is Lady Ashdown here?"}],
            response={"role": "assistant", "content": "Upstairs."},
        )
    return path, session.id


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_an_archived_session_stays_listed_and_comes_back_whole(recorded, capsys):
    path, identity = recorded
    status, out, err = run(capsys, "session", "archive", identity, "-w", path)
    assert status == 0, err
    assert identity in out
    [row] = json.loads(run(capsys, "session", "list", "-w", path, "--json")[1])
    assert row["archived"] is True
    assert not list(path.glob("runs/session_*"))

    status, _, err = run(capsys, "session", "show", identity, "-w", path)
    assert status == 1
    assert "understudy session restore" in err

    status, _, err = run(capsys, "session", "restore", identity, "-w", path)
    assert status == 0, err
    assert run(capsys, "session", "show", identity, "-w", path)[0] == 0
    assert run(capsys, "session", "verify", identity, "-w", path)[0] == 0


def test_scan_says_where_and_never_what(recorded, capsys):
    path, identity = recorded
    (path / "understudy.toml").write_text('schema = 1\n[mask]\nwords = ["Ashdown"]\n')
    status, out, _ = run(capsys, "session", "scan", "-w", path)
    assert status == 1
    assert "trace.jsonl" in out
    assert "WORD" in out
    assert "Ashdown" not in out
    assert "Ashdown" in next(path.glob("runs/*/trace.jsonl")).read_text()

    status, out, _ = run(capsys, "session", "scan", "--mask", "-w", path, "--json")
    assert status == 0
    assert json.loads(out)["masked"] == [identity]
    assert run(capsys, "session", "scan", "-w", path)[0] == 0
    assert run(capsys, "session", "verify", "-w", path)[0] == 0
    assert "Ashdown" not in next(path.glob("runs/*/trace.jsonl")).read_text()
