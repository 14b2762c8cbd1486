"""`understudy session replay` on a session of the real `pocket`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import termios
import threading

import pytest

import understudy
from understudy.cli.main import main


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A workspace with one random session of six steps; returns its path and the id."""
    path = tmp_path_factory.mktemp("replay") / "ws"
    asked = ("play", "pocket", "open-bag", "--player", "random", "--steps", "6", "--seed", "3")
    main([*asked, "-w", str(path)])
    with understudy.Workspace(path) as workspace:
        return path, workspace.rows()[0].id


@pytest.fixture
def other_screens(played):
    """A session in the same workspace that claims screens which the game does not show."""
    with (
        understudy.Workspace(played[0]) as workspace,
        workspace.record(game="pocket", metadata={"seed": 1}) as session,
    ):
        session.step(action="wait", screen="0" * 16, screen_after="0" * 16)
    return session.id


def replay(capsys, played, *arguments):
    capsys.readouterr()
    status = main(["session", "replay", *arguments, "-w", str(played[0])])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.mark.slow
def test_verify_says_that_every_screen_is_the_same(played, capsys):
    status, out, err = replay(capsys, played, played[1], "--verify")
    assert (status, out, err) == (0, "6 steps played again; every screen is the same.\n", "")


@pytest.mark.slow
def test_verify_leaves_with_1_and_names_the_first_step_that_differs(played, other_screens, capsys):
    status, out, err = replay(capsys, played, other_screens, "--verify")
    assert status == 1
    assert "1 step with another screen than was recorded, the first is step 1" in out
    assert "rom_sha256 was not recorded and is" in err


@pytest.mark.slow
def test_without_verify_a_difference_is_shown_and_is_no_failure(played, other_screens, capsys):
    status, out, _ = replay(capsys, played, other_screens)
    assert status == 0
    assert out.startswith("   1  wait  (another screen than was recorded)\n")


@pytest.mark.slow
def test_verify_leaves_with_1_where_there_is_nothing_to_compare(played, capsys):
    with (
        understudy.Workspace(played[0]) as workspace,
        workspace.record(game="pocket", metadata={"seed": 1}) as session,
    ):
        session.step(action="wait")
    status, out, _ = replay(capsys, played, session.id, "--verify")
    assert status == 1
    assert "the screens of 1 step were not recorded" in out


@pytest.mark.slow
def test_elsewhere_than_in_a_terminal_each_step_is_a_line(played, capsys):
    status, out, _ = replay(capsys, played, played[1])
    lines = out.splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines[:-1]] == list("123456")
    assert "\x1b" not in out


@pytest.mark.slow
def test_facts_come_as_json(played, capsys):
    status, out, _ = replay(capsys, played, played[1], "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["ok"] is True
    assert (facts["session"], facts["steps"], facts["different"]) == (played[1], 6, 0)


@pytest.mark.slow
def test_another_player_goes_on_from_a_step(played, capsys):
    status, out, _ = replay(
        capsys, played, played[1], "--from", "3", "--player", "random", "--steps", "2", "--json"
    )
    facts = json.loads(out)
    assert status == (0 if facts["success"] else 1)
    assert facts["max_steps"] == 2
    with understudy.Workspace(played[0]) as workspace:
        branched = workspace.session(facts["session"]).header.metadata["branch"]
    assert branched == {"session": played[1], "step": 3}


@pytest.mark.parametrize(
    "wrong",
    [
        ("--from", "2"),
        ("--player", "random"),
        ("--steps", "3"),
        ("--model", "m"),
        ("--from", "2", "--player", "random", "--verify"),
        ("--from", "0", "--player", "random"),
        ("--speed", "0"),
    ],
)
def test_options_that_do_not_belong_together_are_wrong_usage(played, capsys, wrong):
    assert replay(capsys, played, played[1], *wrong)[0] == 2


@pytest.mark.slow
def test_a_terminal_shows_the_pictures_in_one_place(played):
    # Given a terminal of 60 x 30
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (30, 60))
    shown = bytearray()

    def read():
        while True:
            try:
                shown.extend(os.read(ours, 65536))
            except OSError:
                return

    reader = threading.Thread(target=read)
    reader.start()
    # When a session is shown there
    environment = {**os.environ, "TERM": "xterm-256color"}
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        environment.pop(name, None)
    asked = ("session", "replay", played[1], "--speed", "1000", "-w", str(played[0]))
    subprocess.run(
        [sys.executable, "-m", "understudy", *asked],
        stdout=theirs,
        check=True,
        env=environment,
        timeout=60,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    # Then there is a picture for the start and one for each step, none of which scrolls
    pages = shown.decode().split("\x1b[H")[-7:]
    assert "38;2;" in pages[0]
    assert [page.count("\n") <= 30 for page in pages] == [True] * 7
    assert "every screen is the same" in pages[-1]
