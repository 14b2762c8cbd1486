"""``understudy play``: what it says, what it leaves, and how it ends for a script around it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys

import pytest
from tests.games.tiny_rom import write_game
from tests.players.listed_player import HOLD, plug_in

import understudy
from understudy.cli.main import main

DONE = "press_a, press_a, press_a"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The tiny game and the player ``listed``, in a directory that is the current one."""
    write_game(tmp_path)
    plug_in(tmp_path / "site", monkeypatch)
    monkeypatch.setenv(HOLD, str(tmp_path / "hold"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def play(place, capsys):
    """Runs ``understudy play tiny.toml`` with the player ``listed``; status, output, errors."""

    def run(*arguments, done=None, game="tiny.toml"):
        command = ["play", game, *map(str, arguments), "-w", str(place / "ws")]
        if done is not None:
            command += ["--player", "listed", "--model", done]
        status = main(command)
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


def the_session(place):
    with understudy.Workspace(place / "ws") as ws:
        [row] = ws.rows()
        assert ws.verify(row.id) == []
        return ws.session(row.id)


# Looking ----------------------------------------------------------------------------------------


def test_without_a_task_the_tasks_are_listed_and_no_workspace_is_made(play, place):
    status, out, _ = play()
    assert status == 0
    assert "three-potions" in out
    assert "3 tasks; play one with: understudy play tiny.toml TASK" in out
    tasks = json.loads(play("--json")[1])
    assert [task["id"] for task in tasks] == ["three-potions", "go-right", "what-is-in-the-slots"]
    assert tasks[0] == {
        "id": "three-potions",
        "words": "collect three potions",
        "group": "bag",
        "goal": "",
        "kind": "act",
        "difficulty": 1,
        "reference_steps": 3,
    }
    assert not (place / "ws").exists()


def test_a_game_without_tasks_says_so(play, place):
    text = (place / "tiny.toml").read_text()
    (place / "bare.toml").write_text(text[: text.index("[[tasks]]")])
    assert play(game="bare.toml")[1] == (
        "bare.toml has no tasks; ask for anything: understudy play bare.toml WORDS\n"
    )
    assert json.loads(play("--json", game="bare.toml")[1]) == []


# Playing ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_it_says_who_plays_what_each_step_and_what_came_of_it(play, place):
    status, out, err = play("collect three potions", "--steps", 9, done=f"press_b, {DONE}")
    assert status == 0
    assert "listed plays three-potions: collect three potions (at most 9 steps)" in out
    assert "   1/9  press_b         (no effect)" in out
    assert "   4/9  press_a" in out
    session = the_session(place)
    for said in ("task     done", "result   done in 4 steps", "steps    4 of 9", session.id):
        assert said in out
    assert str(session.path) in out
    assert err == ""


@pytest.mark.slow
def test_the_options_of_the_specification_leave_its_files(play, place):
    status, _, _ = play(
        "three-potions", "--steps=15", "--save-training-data", "--collect-screenshots",
        "--training-session", "gym-battle-001", "--tag", "a", "--tag", "b", "--license", "CC0-1.0",
        "--consent", "asked", "--seed", "3", done=DONE,
    )  # fmt: skip
    assert status == 0
    session = the_session(place)
    assert session.path.name.endswith("_gym-battle-001")
    assert (session.path / "training_data.jsonl").is_file()
    assert (session.path / "screenshots" / "step_03_after_action.png").is_file()
    header = session.header
    assert (header.tags, header.license, header.consent) == (("a", "b"), "CC0-1.0", "asked")
    assert (header.metadata["seed"], header.metadata["max_steps"]) == (3, 15)
    assert header.metadata["game_source"] == str(place / "tiny.toml")


def test_as_json_it_says_nothing_else(play, place):
    status, out, err = play("three-potions", "--steps", 4, "--json", done=DONE)
    facts = json.loads(out)
    session = the_session(place)
    assert (status, err) == (0, "")
    assert facts == {
        "session": session.id,
        "path": str(session.path),
        "task": "three-potions",
        "completion": "success",
        "success": True,
        "outcome": "done in 3 steps",
        "steps": 3,
        "max_steps": 4,
        "extended_by": 0,
        "reason": None,
        "sealed": True,
        "stored": 6,
        "dropped": 0,
        "problems": [],
    }


def test_what_the_game_has_no_task_for_is_for_a_person_to_judge(play):
    status, out, _ = play("collect what lies about", "--steps", 2, done="press_up, report: all")
    assert status == 0
    assert "the game has no task for this, so nothing is checked" in out
    assert "near: three-potions (collect three potions)" in out
    assert "result   all" in out


@pytest.mark.slow
def test_the_soft_limit_is_said_once(play):
    _, _, err = play("three-potions", "--steps", 10, done="wait")
    assert err.splitlines() == ["      2 of 10 steps are left"]


@pytest.mark.slow
def test_an_extension_is_said(play, place):
    status, out, _ = play("three-potions", "--steps", 2, "--allow-extension", 4, done="wait")
    assert status == 1
    assert "steps    6 of 6, 4 of them added" in out
    assert the_session(place).facts["extended_by"] == 4


@pytest.mark.slow
def test_an_extension_without_a_number_is_ten_steps(play):
    _, out, _ = play(
        "three-potions", "--steps", 2, "--json", "--allow-extension", done=f"{'wait, ' * 5}{DONE}"
    )
    facts = json.loads(out)
    assert (facts["completion"], facts["steps"], facts["max_steps"]) == ("success", 8, 12)
    assert facts["extended_by"] == 10


@pytest.mark.slow
def test_the_screen_is_drawn_where_it_is_asked_for(play):
    plain = play("three-potions", "--steps", 1, done="press_right")[1]
    shown = play("three-potions", "--steps", 1, "--show", done="press_right")[1]
    assert len(shown.splitlines()) > len(plain.splitlines()) + 10


# Endings ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("done", "task", "status", "said"),
    [
        ("wait", "three-potions", 1, "ended    the step limit was reached"),
        (
            "report: nothing",
            "what-is-in-the-slots",
            1,
            "ended    the game ended it without success",
        ),
        ("press_a, quit", "three-potions", 1, "ended    the player stopped"),
        ("give up", "three-potions", 1, "because  the list says that this cannot go on"),
        ("crash", "three-potions", 1, "because  ZeroDivisionError: division by zero"),
        ("quit", "dance", 0, "ended    the player stopped"),
    ],
)
def test_how_it_ended_is_said_and_is_the_exit_status(play, place, done, task, status, said):
    got, out, _ = play(task, "--steps", 3, done=done)
    assert got == status
    assert said in out
    the_session(place)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["x", "--steps", "0"], 2, "0 is not in the range"),
        (["x", "--seed", "-1"], 2, "-1 is not in the range"),
        (["x", "--seed", str(10**20)], 2, "is not in the range"),
        (["x", "--mistakes", "2"], 2, "2.0 is not in the range"),
        (["x", "--allow-extension", "0"], 2, "0 is not in the range"),
        (["x", "--player", "nobody"], 2, "there is no player 'nobody'"),
        (["   "], 2, "nothing is asked of the player"),
        (["x", "--player", "script"], 2, "no task of tiny is clearly meant by 'x'"),
    ],
)
def test_what_cannot_be_asked_for_is_wrong_usage_and_records_nothing(
    play, place, arguments, status, said
):
    got, out, err = play(*arguments)
    assert (got, out) == (status, "")
    assert said in err
    assert not list(place.glob("ws/runs/*"))


@pytest.mark.parametrize("game", ["chess", "none.toml", "./", "\N{SNOWMAN}", ""])
def test_an_unknown_game_is_one_sentence(play, game):
    for task in ([], ["x"]):
        status, _, err = play(*task, game=game, done="wait")
        assert status == 1
        assert err.startswith("Error: ")
        assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_a_workspace_that_cannot_be_written_is_one_sentence_and_nothing_is_played(play, place):
    play("three-potions", done=DONE)
    shutil.rmtree(place / "ws" / "runs")
    (place / "ws" / "runs").write_text("a file where the sessions belong")
    status, out, err = play("three-potions", done=DONE)
    assert status == 1
    assert "press_a" not in out
    assert err.splitlines()[-1].startswith("Error: ")


def running(place, *arguments):
    command = [sys.executable, "-m", "understudy", "play", "tiny.toml", *arguments]
    command += ["-w", str(place / "ws"), "--player", "listed"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place
    )


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_ctrl_c_seals_what_was_played_and_says_where_it_is(place, number):
    (place / "hold").touch()
    child = running(place, "three-potions", "--model", "press_right, press_left, hold, press_up")
    lines = [child.stdout.readline() for _ in range(3)]
    assert "2/" in lines[-1], lines
    child.send_signal(number)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "it was interrupted; what was played is kept" in out
    session = the_session(place)
    assert (session.status, session.metadata.steps) == ("incomplete", 2)
    assert session.metadata.reason == "it was interrupted"
    assert session.id in out


@pytest.mark.slow
def test_who_reads_no_more_ends_the_session_and_it_is_kept(place):
    (place / "hold").touch()
    child = running(place, "three-potions", "--model", "press_right, hold, press_left, press_up")
    assert "listed plays" in child.stdout.readline()
    child.stdout.readline()
    child.stdout.close()
    (place / "hold").unlink()
    err = child.stderr.read()
    assert child.wait(timeout=60) in (0, 1)
    assert "Traceback" not in err
    child.stderr.close()
    session = the_session(place)
    assert session.status == "incomplete"
    assert "Broken pipe" in (session.metadata.reason or "")
    assert session.metadata.steps >= 1


@pytest.mark.slow
def test_the_names_of_a_game_that_comes_with_it_are_enough(place):
    # The first line of the specification, as it stands there
    status = main(
        ["play", "pocket", "check healing items in bag", "--steps=15", "--save-training-data",
         "-w", str(place / "ws")]
    )  # fmt: skip
    assert status == 0
    session = the_session(place)
    assert session.header.player == "script"
    assert session.metadata.success is True
    records = (session.path / "training_data.jsonl").read_text().splitlines()
    assert len(records) == session.metadata.steps <= 15
    first = json.loads(records[0])
    assert first["instruction"] == "Check what healing items I have in my bag"
    assert first["output"]["reasoning"]
