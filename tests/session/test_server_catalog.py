"""A workspace whose catalog is a database server: everything works, and nothing hangs on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import understudy
from understudy.errors import CatalogError
from understudy.session.steps import AgentStep

RECORD = """
import sys, understudy
with understudy.Workspace(sys.argv[1]) as ws:
    for number in range(4):
        with ws.record(game="twin", player=sys.argv[2], name=f"{sys.argv[2]} {number}") as recorder:
            for action in range(10):
                assert recorder.step(action=action)
                recorder.frame(state=float(action))
"""
NOBODY_THERE = "postgresql://game:open-sesame@127.0.0.1:1/catalog"


def workspace_with(catalog_url: str, path: Path) -> Path:
    understudy.Workspace(path).close()
    (path / "understudy.toml").write_text(f"[catalog]\nurl = {json.dumps(catalog_url)}\n")
    return path


@pytest.mark.slow
def test_two_processes_record_at_once_into_a_workspace_with_its_catalog_in_postgresql(
    tmp_path: Path, postgres_url: str
) -> None:
    # Given a workspace whose settings name a PostgreSQL server
    folder = workspace_with(postgres_url, tmp_path / "ws")
    # When two games record into it at once
    games = [
        subprocess.Popen([sys.executable, "-c", RECORD, str(folder), player]) for player in "ab"
    ]
    assert [game.wait() for game in games] == [0, 0]
    with understudy.Workspace(folder) as ws:
        # Then every session is listed, found, whole and sealed
        rows = ws.rows()
        assert sorted(row.player for row in rows) == ["a"] * 4 + ["b"] * 4
        assert {(row.status, row.steps, row.frames, row.dropped) for row in rows} == {
            ("sealed", 10, 10, 0)
        }
        assert len({row.directory for row in rows}) == 8
        for session in ws.sessions(player="a"):
            steps = [step for step in session.trace() if isinstance(step, AgentStep)]
            assert [step.action for step in steps] == list(range(10))
            assert ws.verify(session.id) == []
        # And scores, the archive, forgetting and reindexing work on it as on a file
        scored, packed, gone, *_ = rows
        ws.session(scored.id).add_feedback(score=8, author="human:me")
        ws.archive_session(packed.id)
        ws.forget(gone.directory)
        assert [row.id for row in ws.rows(min_score=8)] == [scored.id]
        before = ws.rows()
        assert len(before) == 7
        assert [row.id for row in before if row.archived] == [packed.id]
        ws.reindex()
        assert ws.rows() == before
    assert not list(folder.rglob("*.sqlite"))


@pytest.mark.slow
def test_a_catalog_that_does_not_answer_costs_no_recording_and_is_filled_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a workspace whose catalog is on a server that is not there
    folder = workspace_with(NOBODY_THERE, tmp_path / "ws")
    with understudy.Workspace(folder) as ws:
        # When a game records
        with ws.record(game="tavern") as recorder:
            assert recorder.step(action="knock")
        # Then all of it is sealed on disk, and the trouble is told without the password
        assert recorder.sealed
        assert recorder.counters.dropped == 0
        assert "127.0.0.1:1/catalog cannot be used" in (recorder.counters.last_error or "")
        with pytest.raises(CatalogError, match="check that the server runs"):
            ws.rows()
    assert "cannot be used" in caplog.text
    assert "open-sesame" not in caplog.text
    # And the next catalog that can be used knows it
    (folder / "understudy.toml").write_text("")
    with understudy.Workspace(folder) as ws:
        [row] = ws.rows()
        assert (row.id, row.status, row.steps) == (recorder.id, "sealed", 1)
