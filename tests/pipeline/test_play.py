"""Playing one session: the folders and files of it, who plays, and what stands in the way."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.games.tiny_rom import write_game
from tests.players.listed_player import ROOT, plug_in

import understudy
from understudy.errors import EmulatorError, GameError, StorageError, UsageError
from understudy.pipeline.play import Players, PlayRequest, default_player, play_session
from understudy.session.steps import AgentStep

REPORT = "report: 3 potions and 2 super potions"


@pytest.fixture
def tiny(tmp_path):
    """The file of the tiny game."""
    return write_game(tmp_path)


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """The player ``listed`` is installed: what stands as the model is what it does."""
    plug_in(tmp_path / "site", monkeypatch)


@pytest.fixture
def session(ws, tiny, listed):
    """Plays a session and opens it; ``done`` are the player's actions."""
    with Players(ws) as players:

        def play(asked="three-potions", done="press_a, press_a, press_a", **given):
            request = PlayRequest(
                **{"game": str(tiny), "asked": asked, "player": "listed", "model": done} | given
            )
            play.played = play_session(ws, players, request)
            return ws.session(play.played.id)

        yield play


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {
        "session.json",
        "trace.jsonl",
        "manifest.json",
    }


# The files of the specification -----------------------------------------------------------------


@pytest.mark.slow
def test_a_session_has_exactly_the_files_that_the_specification_names(session):
    recorded = session(
        save_training_data=True, collect_screenshots=True, name="healing-items-001", steps=15
    )
    stem, _, name = recorded.path.name.rpartition("_")
    assert name == "healing-items-001"
    assert time.strptime(stem, "session_%Y%m%d_%H%M%S")
    assert files_of(recorded.path) == {
        "session_metadata.json",
        "execution_trace.json",
        "training_data.jsonl",
        *(
            f"screenshots/step_0{n}_{moment}_action.png"
            for n in (1, 2, 3)
            for moment in ("before", "after")
        ),
        "memory_snapshots/before_session.db",
        "memory_snapshots/after_session.db",
        "analysis/prompt_variations.json",
        "analysis/error_analysis.json",
    }


@pytest.mark.slow
def test_unless_it_is_asked_for_there_is_no_training_data_and_no_picture_after(session):
    recorded = session(steps=15)
    assert "training_data.jsonl" not in files_of(recorded.path)
    assert not any("after_action" in name for name in files_of(recorded.path))


@pytest.mark.slow
def test_the_metadata_have_the_keys_of_the_specification(session):
    recorded = session("what-is-in-the-slots", f"wait, {REPORT}", steps=15)
    view = json.loads((recorded.path / "session_metadata.json").read_text())
    metadata = view["session_metadata"]
    assert metadata["session_id"] == recorded.id
    assert metadata["task_description"] == "tell me what is in the slots"
    assert metadata["start_time"] < metadata["end_time"]
    assert (metadata["total_steps"], metadata["max_steps"]) == (2, 15)
    assert (metadata["final_score"], metadata["task_completed"]) == (None, True)
    result = view["final_result"]
    assert result["task_outcome"] == "3 potions and 2 super potions"
    assert result["completion_status"] == "success"
    assert (result["human_feedback"], result["score_justification"]) == (None, None)


@pytest.mark.slow
def test_a_score_comes_into_the_metadata_and_the_training_data(session, ws):
    recorded = session(save_training_data=True)
    recorded.add_feedback(score=8, author="human:ann", comment="quick", reason="one press too many")
    view = json.loads((recorded.path / "session_metadata.json").read_text())
    assert view["session_metadata"]["final_score"] == 8
    assert "quick" in view["final_result"]["human_feedback"]
    assert view["final_result"]["score_justification"] == "one press too many"
    lines = (recorded.path / "training_data.jsonl").read_text().splitlines()
    assert [json.loads(line)["metadata"]["human_score"] for line in lines] == [8, 8, 8]
    assert ws.verify(recorded.id) == []


@pytest.mark.slow
def test_the_trace_has_the_keys_of_the_specification(session):
    recorded = session(collect_screenshots=True)
    [first, *_] = json.loads((recorded.path / "execution_trace.json").read_text())[
        "execution_trace"
    ]
    assert first["step"] == 1
    assert first["screenshot"] == "screenshots/step_01_before_action.png"
    assert first["ai_analysis"].startswith("The hero ANNA stands at")
    assert (first["action_taken"], first["success"]) == ("press_a", False)
    assert first["timestamp"].startswith("20")


@pytest.mark.slow
def test_a_training_record_has_exactly_the_keys_of_the_specification(session):
    recorded = session(
        "collect three potions", "press_right, press_a, press_a, press_a", steps=15,
        save_training_data=True,
    )  # fmt: skip
    lines = (recorded.path / "training_data.jsonl").read_text().splitlines()
    assert len(lines) == 4
    third = json.loads(lines[2])
    picture = (recorded.path / "screenshots" / "step_03_before_action.png").read_bytes()
    assert base64.b64decode(third["input"]["game_state"].pop("screenshot_base64")) == picture
    assert third["input"]["game_state"].pop("memory_context").startswith("The hero ANNA stands")
    assert third["metadata"].pop("timestamp")
    assert third == {
        "instruction": "Collect three potions",
        "input": {
            "game_state": {"previous_actions": ["press_right", "press_a"]},
            "task_context": {
                "step_number": 3,
                "total_steps": 15,
                "goal": "collect three potions",
            },
        },
        "output": {"action": "press_a", "reasoning": "", "expected_outcome": ""},
        "metadata": {
            "session_id": recorded.id,
            "model_used": "listed",
            "success": True,
            "human_score": None,
        },
    }


@pytest.mark.slow
def test_the_header_says_what_it_takes_to_play_it_again(session, tiny):
    recorded = session(seed=4, steps=7, tags=("mine",), collect_screenshots=True)
    header = recorded.header
    assert (header.game, header.task, header.player) == ("tiny", "collect three potions", "listed")
    assert header.tags == ("mine",)
    facts = header.metadata
    assert facts.pop("game").keys() == {"rom_sha256", "emulator"}
    assert facts == {
        "max_steps": 7,
        "limit": "given",
        "seed": 4,
        "game_source": str(tiny),
        "save_training_data": False,
        "collect_screenshots": True,
        "task": {
            "id": "three-potions",
            "words": "collect three potions",
            "group": "bag",
            "goal": "",
            "kind": "act",
            "difficulty": 1,
            "reference_steps": 3,
        },
    }


def test_the_limit_adapts_to_the_task_and_that_is_recorded(session):
    recorded = session()
    assert (recorded.header.metadata["max_steps"], recorded.header.metadata["limit"]) == (
        11,
        "adaptive",
    )


@pytest.mark.slow
def test_the_catalog_finds_it_by_its_task_id_its_words_and_its_success(session, ws):
    done, failed = session(), session("what-is-in-the-slots", "report: nothing")
    for task in ("three-potions", "collect three potions"):
        assert [row.id for row in ws.rows(task=task)] == [done.id]
    assert [row.id for row in ws.rows(success=True)] == [done.id]
    assert [row.id for row in ws.rows(success=False)] == [failed.id]


# Who plays, and what ----------------------------------------------------------------------------


@pytest.mark.slow
def test_words_find_their_task(session):
    assert session("please collect some potions, three of them").header.metadata["task"]["id"] == (
        "three-potions"
    )


@pytest.mark.slow
def test_what_the_game_has_no_task_for_is_played_and_not_checked(session):
    recorded = session("dance about", "press_left, press_right, quit")
    assert recorded.header.task == "dance about"
    assert recorded.header.name == "dance about"
    assert "task" not in recorded.header.metadata
    assert recorded.header.metadata["max_steps"] == 50
    assert session.played.task is None
    assert session.played.played.success is None
    assert recorded.metadata.success is None


def test_the_script_plays_where_the_game_has_one_else_a_person():
    assert default_player("pocket") == "script"
    assert default_player("chess") == "human"


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"game": "chess"}, GameError, "there is no game 'chess'"),
        ({"game": "none.toml"}, GameError, "none.toml cannot be read"),
        ({"player": "nobody"}, UsageError, "there is no player 'nobody'"),
        ({"player": "script", "asked": "dance"}, UsageError, "no task of tiny is clearly meant"),
        ({"asked": "  "}, UsageError, "nothing is asked"),
        ({"seed": -1}, UsageError, "the seed is -1; give 0 or more"),
        ({"mistakes": 2.0}, UsageError, "the rate of mistakes is 2"),
        ({"mistakes": float("nan")}, UsageError, "the rate of mistakes is nan"),
        ({"steps": 0}, UsageError, "the step limit is 0"),
    ],
)
def test_what_stands_in_the_way_is_said_before_anything_is_recorded(
    session, ws, given, error, said
):
    with pytest.raises(error, match=said):
        session(**given)
    assert ws.rows() == []


def test_where_nothing_can_be_recorded_nothing_is_played(session, ws):
    ws.runs.rmdir()
    ws.runs.write_text("a file where the sessions belong")
    with pytest.raises(StorageError, match=r"could not begin.*nothing was played"):
        session()


@pytest.mark.slow
def test_a_game_that_broke_down_is_opened_anew_for_the_next_session(ws, tiny, listed):
    request = PlayRequest(
        game=str(tiny), asked="three-potions", player="listed", model="press_a, press_a, press_a"
    )
    with Players(ws) as players:
        game = players.game(str(tiny))

        def broken(*_, **__):
            raise EmulatorError("it broke down")

        game.step = game.close = broken
        assert play_session(ws, players, request).played.reason == "it broke down"
        assert play_session(ws, players, request).played.completion == "success"
        assert players.game(str(tiny)) is not game
        assert players.game(str(tiny)) is players.game(str(tiny))


def test_players_are_made_once_and_closed_at_the_end(ws, listed):
    with Players(ws) as players:
        one = players.player("listed", "press_a")
        assert players.player("listed", "press_a") is one
        assert players.player("listed", "press_b") is not one
        closed = []
        one.close = lambda: closed.append(one)
    assert closed == [one]


@pytest.mark.slow
def test_a_relative_path_is_recorded_so_that_it_is_found_from_anywhere(
    session, ws, tiny, monkeypatch
):
    monkeypatch.chdir(tiny.parent)
    recorded = session(game=tiny.name)
    assert recorded.header.metadata["game_source"] == str(tiny)


@pytest.mark.slow
def test_the_same_request_gives_the_same_screens(ws, tiny):
    request = PlayRequest(game=str(tiny), asked="go-right", player="random", seed=9, steps=20)
    with Players(ws) as players:
        played = [
            play_session(ws, players, one) for one in (request, replace(request, seed=10), request)
        ]
    first, other, again = (
        [
            (step.action, step.facts["screen"], step.facts["screen_after"])
            for step in ws.session(one.id).trace()
            if isinstance(step, AgentStep)
        ]
        for one in played
    )
    assert first == again
    assert first != other


# More than one process, and killed ones ---------------------------------------------------------


@pytest.mark.slow
def test_two_play_in_one_workspace_at_once(tmp_path, tiny):
    command = [
        sys.executable, "-m", "understudy", "play", str(tiny), "go-right", "--player", "random",
        "--training-session", "same", "--save-training-data", "-w", str(tmp_path / "ws"),
    ]  # fmt: skip
    children = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [child.wait() for child in children] == [1, 1]
    with understudy.Workspace(tmp_path / "ws") as ws:
        rows = ws.rows()
        assert len({row.directory for row in rows}) == 2
        for row in rows:
            assert (row.status, row.steps) == ("sealed", 13)
            assert ws.verify(row.id) == []


PLAYING_CHILD = """
import sys
from pathlib import Path
import understudy
from understudy.pipeline.play import Players, PlayRequest, play_session

workspace, game, acknowledged = sys.argv[1:]
request = PlayRequest(game=game, asked="wander about", player="random", steps=100_000,
                      save_training_data=True, collect_screenshots=True)

def told(played):
    with open(acknowledged, "a") as file:
        file.write(f"{played.outcome.action} {played.view.step}\\n")

with understudy.Workspace(workspace) as ws, Players(ws) as players:
    play_session(ws, players, request, on_step=told)
"""


def play_and_kill(place: Path, moment: random.Random) -> list[str]:
    """Let a child play, kill it at any moment; what of its steps had been acknowledged."""
    acknowledged = place / "acknowledged"
    acknowledged.write_text("")
    child = subprocess.Popen(
        [sys.executable, "-c", PLAYING_CHILD, str(place / "ws"), str(place / "tiny.toml"),
         str(acknowledged)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        while not acknowledged.stat().st_size:
            assert child.poll() is None, "it ended by itself"
            time.sleep(0.01)
        time.sleep(moment.uniform(0, 0.7))
    finally:
        child.kill()
        child.wait()
    return acknowledged.read_text().splitlines()


def check_what_a_kill_left(place: Path, told: list[str]) -> None:
    whole = [line for line in told if line.rpartition(" ")[2].isdigit()]
    with understudy.Workspace(place / "ws") as ws:
        [row] = ws.rows()
        assert row.status == "killed"
        assert ws.verify(row.id) == []
        session = ws.session(row.id)
        steps = [line for line in session.trace() if isinstance(line, AgentStep)]
        kept = [f"{step.action} {step.step}" for step in steps]
        assert kept[: len(whole)] == whole
        assert len(kept) - len(whole) <= 2, "what nobody was told of cannot be much"
        for step in steps:
            for name in (step.screenshot, step.screenshot_after):
                assert (session.path / name).read_bytes().startswith(b"\x89PNG")
        snapshot = session.path / "memory_snapshots" / "before_session.db"
        with contextlib.closing(sqlite3.connect(snapshot)) as database:
            assert database.execute("SELECT count(*) FROM game_memory").fetchone()[0] > 5
        sealed = ws.seal_killed(row.id)
        assert ws.verify(row.id) == []
        training = (sealed.path / "training_data.jsonl").read_bytes().splitlines()
        assert len(training) == len(steps)
        assert ws.find(row.id).play.examples == len(steps)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(6))
def test_no_acknowledged_step_is_lost_when_play_is_killed(tmp_path, tiny, attempt):
    told = play_and_kill(tmp_path, random.Random(attempt))
    check_what_a_kill_left(tmp_path, told)


@pytest.mark.long
def test_a_hundred_kills_lose_no_acknowledged_step(tmp_path):
    for attempt in range(100):
        place = tmp_path / str(attempt)
        place.mkdir()
        write_game(place)
        told = play_and_kill(place, random.Random(1_000 + attempt))
        check_what_a_kill_left(place, told)
