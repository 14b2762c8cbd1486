"""The commands that look at sessions, on sessions that were really recorded."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import understudy
from understudy.cli.main import main


@pytest.fixture
def recorded(tmp_path):
    """A workspace with one skirmish and one tavern; returns its path and their ids."""
    path = tmp_path / "workspace"
    ids = {}
    with understudy.Workspace(path) as workspace:
        for game in ("skirmish", "tavern"):
            with workspace.record(game=game, task="win", player="script", tags=["demo"]) as session:
                session.frame(state=np.arange(4, dtype=np.float32), reward=1.0)
                session.step(action={"kind": "attack", "target": "orc"}, success=True)
                session.chat(
                    messages=[{"role": "user", "content": "mail me at someone@example.org"}],
                    response={"role": "assistant", "content": "I shall."},
                    status="truncated",
                )
            ids[game] = session.id
    return path, ids


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_init_makes_a_workspace_and_says_where(tmp_path, capsys):
    target = tmp_path / "new"
    status, out, _ = run(capsys, "init", target)
    assert status == 0
    assert str(target) in out
    assert (target / "understudy.toml").is_file()


@pytest.mark.slow
def test_init_leaves_a_workspace_that_is_there(recorded, capsys):
    path, _ = recorded
    (path / "understudy.toml").write_text("schema = 1\n[mask]\nwords = ['Ashdown']\n")
    status, out, _ = run(capsys, "init", path)
    assert status == 0
    assert "Already" in out
    assert "Ashdown" in (path / "understudy.toml").read_text()


def test_list_shows_the_newest_first(recorded, capsys):
    path, ids = recorded
    status, out, _ = run(capsys, "session", "list", "-w", path)
    assert status == 0
    assert out.index(ids["tavern"][:13]) < out.index(ids["skirmish"][:13])


def test_list_filters_and_speaks_json(recorded, capsys):
    path, ids = recorded
    status, out, _ = run(capsys, "session", "list", "-w", path, "--game", "tavern", "--json")
    assert status == 0
    [row] = json.loads(out)
    assert row["id"] == ids["tavern"]
    assert row["stored"] == row["seen"] == 3


def test_an_empty_list_says_so_to_people_and_is_a_list_to_programs(recorded, capsys):
    path, _ = recorded
    assert run(capsys, "session", "list", "-w", path, "--game", "chess")[1:] == (
        "",
        "No sessions fit.\n",
    )
    assert (
        json.loads(run(capsys, "session", "list", "-w", path, "--game", "chess", "--json")[1]) == []
    )


def test_show_says_what_a_session_holds_and_what_was_masked(recorded, capsys):
    path, ids = recorded
    status, out, _ = run(capsys, "session", "show", ids["tavern"], "-w", path)
    assert status == 0
    assert "3 seen, 3 stored, 0 dropped" in out
    assert "EMAIL: 1" in out
    assert "someone@example.org" not in out
    assert "(truncated)" in out


def test_show_lists_disagreeing_scores(recorded, capsys):
    path, ids = recorded
    with understudy.Workspace(path) as workspace:
        session = workspace.session(ids["tavern"])
        session.add_feedback(score=3, author="human:ann")
        session.add_feedback(score=9, author="human:ben", comment="loved it")
    _, out, _ = run(capsys, "session", "show", ids["tavern"], "-w", path)
    assert "human:ann: 3" in out
    assert "human:ben: 9" in out
    assert "loved it" in out
    facts = json.loads(
        run(capsys, "session", "show", ids["tavern"], "-w", path, "--json", "--trace")[1]
    )
    assert facts["human_score"] == 6
    assert [line["type"] for line in facts["trace"]] == ["step", "chat"]


def test_an_unknown_session_leaves_with_1_and_a_way_on(recorded, capsys):
    path, _ = recorded
    status, out, err = run(capsys, "session", "show", "nobody", "-w", path)
    assert (status, out) == (1, "")
    assert "understudy session list" in err


def test_looking_makes_no_workspace(tmp_path, capsys):
    status, _, err = run(capsys, "session", "list", "-w", tmp_path / "nowhere")
    assert status == 1
    assert "understudy init" in err
    assert not (tmp_path / "nowhere").exists()


def test_verify_finds_nothing_in_what_was_left_alone(recorded, capsys):
    path, _ = recorded
    status, out, _ = run(capsys, "session", "verify", "-w", path, "--json")
    assert status == 0
    assert json.loads(out) == {"ok": True, "sessions": 2, "problems": []}


def test_verify_names_the_session_and_file_of_a_flipped_bit(recorded, capsys):
    path, ids = recorded
    [folder] = (
        p.parent for p in path.glob("runs/*/session.json") if ids["tavern"] in p.read_text()
    )
    trace = folder / "trace.jsonl"
    data = bytearray(trace.read_bytes())
    data[20] ^= 1
    trace.write_bytes(data)
    status, out, _ = run(capsys, "session", "verify", "-w", path, "--json")
    assert status == 1
    facts = json.loads(out)
    assert facts["ok"] is False
    assert {(p["session"], p["file"]) for p in facts["problems"]} == {
        (ids["tavern"], "trace.jsonl")
    }


def test_stats_count_the_whole_workspace(recorded, capsys):
    path, _ = recorded
    status, out, _ = run(capsys, "stats", "-w", path, "--json")
    assert status == 0
    totals = json.loads(out)
    assert totals["sessions"] == totals["chats"] == totals["steps"] == totals["frames"] == 2
    assert totals["masked"] == 2


def test_reindex_finds_everything_again_after_the_catalog_was_damaged(recorded, capsys):
    path, ids = recorded
    (path / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    status, out, err = run(capsys, "reindex", "-w", path, "--json")
    assert status == 0, err
    facts = json.loads(out)
    assert facts["sessions"] == 2
    assert facts["put_aside"] is not None
    rows = json.loads(run(capsys, "session", "list", "-w", path, "--json")[1])
    assert {row["id"] for row in rows} == set(ids.values())


def test_verify_names_a_folder_whose_identity_cannot_be_read(recorded, capsys):
    path, ids = recorded
    # Given a session that was copied in and whose identity is torn, as after a kill and a bad disk
    torn = path / "runs" / "session_20200101_000000_torn"
    torn.mkdir()
    (torn / "session.json").write_text("{half")
    # When everything is verified, then it is named although the catalog never had it
    status, out, _ = run(capsys, "session", "verify", "-w", path, "--json")
    facts = json.loads(out)
    assert (status, facts["ok"], facts["sessions"]) == (1, False, len(ids))
    assert facts["problems"][0]["file"] == "runs/session_20200101_000000_torn"
    assert "session.json" in facts["problems"][0]["reason"]


@pytest.mark.slow
def test_verify_checks_a_killed_session_that_the_catalog_believes_is_being_recorded(
    tmp_path, capsys
):
    # Given a recorder that was killed, and its session damaged before anybody looked
    path = tmp_path / "ws"
    code = (
        "import os, signal, sys, understudy\n"
        "recorder = understudy.Workspace(sys.argv[1]).record(game='tavern')\n"
        "recorder.step(action='look')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    header = next((path / "runs").glob("*/session.json"))
    header.write_text("{half")
    # When everything is verified, then it is not passed over as a recording
    status, out, _ = run(capsys, "session", "verify", "-w", path)
    assert status == 1
    assert "session.json" in out


def test_show_says_how_much_of_the_trace_it_leaves_out(recorded, capsys):
    path, _ = recorded
    with (
        understudy.Workspace(path) as workspace,
        workspace.record(game="long", durability="interval") as session,
    ):
        for number in range(20):
            session.step(action=number)
        session.chat(
            messages=[{"role": "user", "content": "roll"}],
            response={"tool_calls": [{"function": {"name": "dice"}}]},
        )
        session.chat(messages=[], response={}, status="upstream_error")
    _, out, _ = run(capsys, "session", "show", session.id, "-w", path)
    assert "10 earlier lines not shown; --trace shows all." in out
    assert "roll → (calls dice)" in out
    assert "– → – (upstream_error)" in out
    assert not any(line != line.rstrip() for line in out.splitlines())
    _, out, _ = run(capsys, "session", "show", session.id, "--trace", "-w", path)
    assert "not shown" not in out


def test_show_says_how_many_frames_the_game_missed(recorded, capsys):
    path, _ = recorded
    with understudy.Workspace(path) as workspace, workspace.record(name="hasty") as session:
        for tick in (0, 1, 5, 9):
            session.frame(tick=tick, state=1.0)
    status, out, _ = run(capsys, "session", "show", session.id, "-w", path)
    assert status == 0
    assert "missed     6 frames in 2 gaps" in out
