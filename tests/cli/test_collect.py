"""``understudy collect``: a file of tasks in, a batch out, and what a script around it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.games.tiny_rom import write_game
from tests.players.listed_player import HOLD, plug_in

import understudy
from understudy.cli.main import main

DONE = "press_a, press_a, press_a"
TASKS = f"""\
game: tiny.toml
player: listed
model: "{DONE}"
tags: [mine]
tasks:
  - three-potions
  - task: go-right
    steps: 2
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The tiny game, the player ``listed``, and a file of two tasks, in the current directory."""
    write_game(tmp_path)
    plug_in(tmp_path / "site", monkeypatch)
    monkeypatch.setenv(HOLD, str(tmp_path / "hold"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.yaml").write_text(TASKS)
    yield tmp_path
    (tmp_path / "hold").unlink(missing_ok=True)


@pytest.fixture
def collect(place, capsys):
    """Runs ``understudy collect --task-file tasks.yaml``; status, output, errors."""

    def run(*arguments):
        command = ["collect", "--task-file", "tasks.yaml", *map(str, arguments)]
        status = main([*command, "-w", str(place / "ws")])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return run


@pytest.mark.slow
def test_it_says_what_came_of_the_batch_and_where_it_lies(collect, place):
    status, out, err = collect("--training-mode", "--workers", 2)
    [folder] = place.glob("ws/runs/batch_training_*")
    assert status == 0
    assert f"{folder.name}: 2 sessions, 2 workers" in err
    lines = [line.split(maxsplit=1) for line in out.splitlines() if line]
    told = {line[0]: line[-1] for line in lines}
    assert told["finished"] == "2 of 2"
    assert (told["succeeded"], told["examples"]) == ("1", "5")
    assert told["in"] == str(folder)
    assert "go-right" in told
    assert "left" not in err
    assert len(list(place.glob("ws/runs/session_*/training_data.jsonl"))) == 2


@pytest.mark.slow
def test_as_json_it_says_what_the_report_says(collect, place):
    status, out, _ = collect("--json", "--max-sessions", 3)
    [folder] = place.glob("ws/runs/batch_training_*")
    assert status == 0
    assert json.loads(out) == json.loads((folder / "summary_report.json").read_text())
    assert [session["seed"] for session in json.loads(out)["sessions"]] == [1, 1, 2]


@pytest.mark.slow
def test_what_is_left_is_said_with_the_command_that_goes_on(collect, place):
    text = TASKS.replace("- task: go-right", "- task: go-right\n    model: crash")
    (place / "tasks.yaml").write_text(text)
    status, out, err = collect()
    assert status == 1
    assert "session 2 (go-right): ZeroDivisionError: division by zero" in err
    command = f"understudy collect --task-file tasks.yaml --resume --workspace {place / 'ws'}"
    assert f"1 session left: {command}" in err
    assert "finished 1 of 2" in " ".join(out.split())
    # And that command is as it stands
    assert main(command.split()[1:]) == 1
    with understudy.Workspace(place / "ws") as ws:
        assert sorted(row.status for row in ws.rows()) == ["incomplete", "incomplete", "sealed"]


@pytest.mark.slow
def test_the_file_of_a_game_is_found_from_wherever_it_is_resumed(collect, place, monkeypatch):
    (place / "tasks.yaml").write_text(TASKS.replace("steps: 2", "steps: 2\n    model: crash"))
    assert collect()[0] == 1
    monkeypatch.chdir("/")
    file = str(place / "tasks.yaml")
    assert main(["collect", "--task-file", file, "--resume", "-w", str(place / "ws")]) == 1
    with understudy.Workspace(place / "ws") as ws:
        assert {row.reason for row in ws.rows()} == {None, "ZeroDivisionError: division by zero"}


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--workers", "0"], 2, "0 is not in the range"),
        (["--max-sessions", "0"], 2, "0 is not in the range"),
        (["--max-sessions", "many"], 2, "'many' is not a valid integer"),
        (["--resume"], 2, "no batch of tasks.yaml as it is now has been begun"),
    ],
)
def test_what_cannot_be_asked_for_is_wrong_usage(collect, arguments, status, said):
    got, out, err = collect(*arguments)
    assert (got, out) == (status, "")
    assert said in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "tasks.yaml cannot be read (no such file or directory); check --task-file"),
        ("tasks: [a]\n", "tasks.yaml, line 1: no game is named"),
        ("game: pocket\nsteps: 0\ntasks: [a]\n", "tasks.yaml, line 2: `steps` goes from 1"),
        ("game: chess\ntasks:\n- a\n", "tasks.yaml, line 3: there is no game 'chess'"),
        ("game: tiny.toml\ntasks:\n- a\n", "tasks.yaml, line 3: tiny has no script; name as"),
        ("game: none.toml\ntasks: [a]\n", "none.toml cannot be read"),
        (
            "game: tiny.toml\nplayer: random\ntasks:\n- {group: shop}\n",
            "tasks.yaml, line 4: tiny has no group 'shop'; its groups: bag, navigation",
        ),
    ],
)
def test_a_file_of_tasks_that_is_wrong_begins_no_batch(collect, place, text, said):
    (place / "tasks.yaml").unlink() if text is None else (place / "tasks.yaml").write_text(text)
    status, out, err = collect()
    assert (status, out) == (1, "")
    assert said in err
    assert len(err.splitlines()) == 1
    assert not list(place.glob("ws/runs/*"))


@pytest.mark.slow
def test_ctrl_c_ends_the_batch_in_good_order_and_says_how_to_go_on(place):
    (place / "hold").touch()
    (place / "tasks.yaml").write_text(TASKS.replace(DONE, "press_a, hold, press_a, press_a"))
    child = subprocess.Popen(
        [sys.executable, "-m", "understudy", "collect", "--task-file", "tasks.yaml",
         "-w", str(place / "ws")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place,
        start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not any(b'"step":1' in p.read_bytes() for p in place.glob("ws/runs/*/trace.jsonl")):
        assert time.monotonic() < end
        threading.Event().wait(0.01)
    # As a terminal does: to all of its processes at once
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "stopped    interrupted" in out
    assert "2 sessions left: understudy collect --task-file tasks.yaml --resume" in err
    assert "Traceback" not in err
    with understudy.Workspace(place / "ws") as ws:
        [row] = ws.rows()
        assert (row.status, row.steps, row.reason) == ("incomplete", 1, "it was interrupted")
        assert ws.verify(row.id) == []
