"""A person at a keyboard: a real terminal (the two ends of a pty), and lines from a pipe."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import termios
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from understudy.config import Settings
from understudy.errors import PlayerError
from understudy.games.game import Action
from understudy.players.controls import Controls
from understudy.players.player import Outcome, PlayerQuit, Situation, View
from understudy.players.registry import PlayerSettings, make_player

POCKET = (
    "press_a",
    "press_b",
    "press_start",
    "press_select",
    "press_up",
    "press_down",
    "press_left",
    "press_right",
    "wait",
    "report",
)
LETTERS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A terminal with somebody at it, who types the next keys once they have seen something."""

    def __init__(self, columns, lines, monkeypatch):
        self._monkeypatch = monkeypatch
        self._streams = contextlib.ExitStack()
        self._keys, self.end = os.openpty()
        termios.tcsetwinsize(self.end, (lines, columns))
        self.shown = ""
        self._plan = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def begun(self, **changes):
        """A human player who sits at this terminal, in a session that has begun."""
        # Here, because pytest puts its own streams back when a test begins.
        for name, mode in (("stdin", "r"), ("stderr", "w")):
            stream = self._streams.enter_context(open(self.end, mode, closefd=False))  # noqa: SIM115
            self._monkeypatch.setattr(sys, name, stream)
        return begun(**changes)

    def types(self, *plan):
        """Each of ``plan`` is what has to be shown from now on, and what is typed then."""
        with self._changed:
            self._plan += plan

    def settings(self):
        return termios.tcgetattr(self.end)

    def resize(self, columns, lines):
        termios.tcsetwinsize(self.end, (lines, columns))

    def text(self):
        return LETTERS.sub("", self.shown)

    def wait_for(self, text):
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.shown, timeout=20), self.shown

    def close(self):
        self._streams.close()
        os.close(self.end)
        self._reader.join()
        os.close(self._keys)

    def _read(self):
        fresh = ""
        while True:
            try:
                data = os.read(self._keys, 65536).decode(errors="replace")
            except OSError:
                return
            with self._changed:
                self.shown += data
                fresh += data
                self._changed.notify_all()
                while self._plan and self._plan[0][0] in fresh:
                    seen, keys = self._plan.pop(0)
                    fresh = fresh[fresh.index(seen) + len(seen) :]
                    os.write(self._keys, keys.encode())


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 100 x 40 at standard input and error."""
    for name in ("NO_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    made = Terminal(100, 40, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def piped(monkeypatch):
    """Standard input holds the given lines; returns what was said to standard error."""

    def give(lines):
        said = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        monkeypatch.setattr(sys, "stderr", said)
        return said

    return give


def situation(actions=POCKET, words="check my bag"):
    game = SimpleNamespace(
        name="pocket",
        action_names=actions,
        screenshot=lambda: np.full((144, 160, 3), 7, np.uint8),
        describe=lambda: "You have won.",
    )
    return Situation(
        game=game, words=words, task=None, seed=1, max_steps=15, session=None, memory=None
    )


def view(step=1, **changes):
    given = {
        "step": step,
        "max_steps": 15,
        "screenshot": np.full((144, 160, 3), 200, np.uint8),
        "observation": "You are in home.\nNobody is here.",
        "previous_actions": (),
    }
    return View(**{**given, **changes})


def human():
    return make_player("human", PlayerSettings(settings=Settings()))


def begun(**changes):
    player = human()
    player.begin(situation(**changes))
    return player


def written(decision):
    return str(decision.action)


# Keys at a terminal ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "action"),
    [
        ("\x1b[A", "press_up"),
        ("\x1bOB", "press_down"),
        ("\x1b[D", "press_left"),
        ("\x1b[1;2C", "press_right"),
        ("w", "press_up"),
        ("a", "press_left"),
        ("s", "press_down"),
        ("d", "press_right"),
        ("z", "press_a"),
        ("A", "press_a"),
        ("x", "press_b"),
        ("b", "press_b"),
        ("\r", "press_start"),
        ("\t", "press_select"),
        ("\x7f", "press_select"),
        (".", "wait"),
        (" ", "wait"),
    ],
)
def test_each_key_is_its_action(terminal, key, action):
    player = terminal.begun()
    terminal.types(("q=quit", "."), ("q=quit", key))
    player.decide(view())
    decision = player.decide(view(2))
    assert (written(decision), decision.reasoning) == (action, None)
    player.end()


def test_a_report_asks_for_its_text(terminal):
    player = terminal.begun()
    terminal.types(("q=quit", "r"), ("Report: ", "3 potiöns\x1b[D\n"))
    assert player.decide(view()).action == Action("report", "3 potiöns")
    player.end()


def test_a_report_without_a_text_is_none(terminal):
    player = terminal.begun()
    terminal.types(("q=quit", "r"), ("Report: ", "\n"), ("Nothing was reported", "z"))
    assert written(player.decide(view())) == "press_a"
    player.end()


def test_a_reason_goes_with_the_next_action_and_no_further(terminal):
    player = terminal.begun()
    terminal.types(
        ("q=quit", ","), ("Why: ", "the bag is there\n"), ("Why: the bag", "z"), ("q=quit", "z")
    )
    assert player.decide(view()).reasoning == "the bag is there"
    assert player.decide(view(2)).reasoning is None
    player.end()


def test_a_key_without_a_meaning_costs_no_step(terminal):
    player = terminal.begun()
    terminal.types(("q=quit", "k"), ("no action here", "\x1b[15~"), ("no action here", "z"))
    assert written(player.decide(view())) == "press_a"
    player.end()


def test_help_shows_every_key_and_goes_away(terminal):
    player = terminal.begun()
    terminal.types(("q=quit", "?"), ("Any key goes on", "z"), ("q=quit", "x"))
    assert written(player.decide(view())) == "press_b"
    assert "↑ w" in terminal.text()
    assert "press_select" in terminal.text()
    player.end()


def test_actions_without_a_customary_key_are_numbered_or_typed(terminal):
    player = terminal.begun(actions=("move_up", "cast", *(f"spell_{n}" for n in range(12))))
    terminal.types(("2=spell_0", "1"), ("q=quit", ":"), ("Action: ", "spell_11\n"), ("q=quit", "w"))
    actions = [written(player.decide(view(step))) for step in (1, 2, 3)]
    assert actions == ["cast", "spell_11", "move_up"]
    player.end()


@pytest.mark.parametrize("key", ["q", "\x04"])
def test_quitting_ends_the_session_as_it_stands(terminal, key):
    player = terminal.begun()
    terminal.types(("q=quit", "."), ("q=quit", key))
    player.decide(view())
    with pytest.raises(PlayerQuit):
        player.decide(view(2))
    player.end()


# What is shown -----------------------------------------------------------------------------------


def test_the_page_holds_goal_step_picture_state_and_what_is_left(terminal):
    player = terminal.begun(words="check my bag\x1b[2J")
    terminal.types(("q=quit", "z"))
    player.decide(view(3, warning="2 of 15 steps are left"))
    text = terminal.text()
    assert "Goal: check my bag\N{REPLACEMENT CHARACTER}[2J" in text
    assert "Step 3 of 15 (2 of 15 steps are left)" in text
    assert "You are in home." in text
    assert "48;2;200;200;200" in terminal.shown
    player.end()


def test_a_page_replaces_the_one_before_and_never_scrolls(terminal):
    player = terminal.begun()
    terminal.types(("q=quit", "z"), ("q=quit", "z"))
    player.decide(view())
    player.decide(view(2))
    pages = terminal.shown.split("\x1b[H")[1:]
    assert len(pages) == 2
    for page in pages:
        assert page.count("\n") <= 39
        assert page.endswith("\x1b[J")
        lines = LETTERS.sub("", page).splitlines()
        assert all(len(line) <= 100 for line in lines)
    player.end()


def test_a_narrow_terminal_has_the_text_below_and_a_wide_one_beside_the_picture(terminal):
    player = terminal.begun()
    shown = {}
    for size in ((60, 60), (200, 40), (10, 4)):
        terminal.resize(*size)
        before = len(terminal.shown)
        terminal.types(("\x1b[J", "z"))
        player.decide(view())
        shown[size] = LETTERS.sub("", terminal.shown[before:])
        assert all(len(line.strip("\r\n")) <= size[0] for line in shown[size].splitlines())
    player.end()
    assert re.search(r"^Goal", shown[60, 60], re.MULTILINE)
    assert re.search(r"^ +Goal", shown[200, 40], re.MULTILINE)


def test_what_came_of_an_action_is_said_and_the_end_is_shown(terminal):
    player = terminal.begun()
    terminal.types(("q=quit", "z"), ("press_a changed nothing", "z"))
    player.decide(view())
    player.told(Outcome(1, Action("press_a"), effect=False, done=False, success=False))
    player.decide(view(2))
    player.told(Outcome(2, Action("press_a"), effect=True, done=True, success=True))
    player.end()
    terminal.wait_for("You have won.")
    terminal.wait_for("Done.")


# The terminal afterwards -------------------------------------------------------------------------


def test_the_terminal_is_as_before_after_the_session(terminal):
    before = terminal.settings()
    player = terminal.begun()
    terminal.types(("q=quit", "z"))
    player.decide(view())
    assert terminal.settings() != before
    player.end()
    player.end()
    assert terminal.settings() == before


def test_the_terminal_is_as_before_after_quitting(terminal):
    before = terminal.settings()
    player = terminal.begun()
    terminal.types(("q=quit", "q"))
    with pytest.raises(PlayerQuit):
        player.decide(view())
    assert terminal.settings() == before


def test_the_terminal_is_as_before_after_a_fault_while_drawing(terminal):
    before = terminal.settings()
    player = terminal.begun()
    terminal.types(("q=quit", "z"))
    player.decide(view())
    with pytest.raises(TypeError):
        player.decide(view(2, screenshot=np.zeros((0, 3)), observation=None))
    assert terminal.settings() == before


@pytest.mark.slow
def test_ctrl_c_interrupts_and_leaves_the_terminal_as_before(terminal):
    # Given a person who plays, in a process whose terminal this is
    before = terminal.settings()
    program = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from tests.players.test_human_player import begun, view
player = begun()
try:
    player.decide(view())
    player.decide(view(2))
except KeyboardInterrupt:
    print("interrupted")
"""
    terminal.types(("q=quit", "z"), ("q=quit", "\x03"))
    child = subprocess.run(
        [sys.executable, "-c", program],
        stdin=terminal.end,
        stdout=subprocess.PIPE,
        stderr=terminal.end,
        start_new_session=True,
        check=False,
        timeout=60,
    )
    # When Ctrl-C is pressed, then the program hears of it, and the shell gets its terminal back
    assert child.stdout == b"interrupted\n"
    assert terminal.settings() == before


@pytest.mark.slow
def test_a_program_that_ends_in_between_leaves_the_terminal_as_before(terminal):
    before = terminal.settings()
    program = """
from tests.players.test_human_player import begun, view
begun().decide(view())
"""
    terminal.types(("q=quit", "z"))
    subprocess.run(
        [sys.executable, "-c", program],
        stdin=terminal.end,
        stderr=terminal.end,
        start_new_session=True,
        check=True,
        timeout=60,
    )
    assert terminal.settings() == before


# Lines -------------------------------------------------------------------------------------------


def test_lines_name_actions_in_full_in_short_or_by_their_keys(piped):
    piped("press_a\na\nUP\n.\nenter\npress start\n")
    player = begun()
    actions = [written(player.decide(view(step))) for step in range(1, 7)]
    assert actions == ["press_a", "press_a", "press_up", "wait", "press_start", "press_start"]


@pytest.mark.parametrize(
    "line", ["report: 3 potions, 1 revive", "report 3 potions, 1 revive", "r\n3 potions, 1 revive"]
)
def test_a_line_can_report(piped, line):
    piped(f"{line}\n")
    assert begun().decide(view()).action == Action("report", "3 potions, 1 revive")


def test_a_reason_can_stand_behind_an_action_or_in_a_line_before(piped):
    piped("a, the cursor is on BAG\n, down there\ndown\na\n")
    player = begun()
    reasons = [player.decide(view(step)).reasoning for step in (1, 2, 3)]
    assert reasons == ["the cursor is on BAG", "down there", None]


def test_a_line_that_means_nothing_is_asked_again(piped):
    said = piped("jump\n\n?\na\n")
    assert written(begun().decide(view())) == "press_a"
    assert "'jump' is no action here" in said.getvalue()
    assert "press_select" in said.getvalue()


@pytest.mark.parametrize("lines", ["", "q\n", "quit\n", "r\n"])
def test_the_end_of_the_input_quits(piped, lines):
    piped(lines)
    with pytest.raises(PlayerQuit):
        begun().decide(view())


def test_lines_say_goal_step_and_state_but_draw_nothing_into_a_pipe(piped):
    said = piped("a\n")
    begun().decide(view(1, warning="2 of 15 steps are left"))
    text = said.getvalue()
    assert "Goal: check my bag\nActions: press_a, press_b" in text
    assert "report: TEXT" in text
    assert "Step 1 of 15 (2 of 15 steps are left)\nYou are in home.\nNobody is here." in text
    assert "\x1b" not in text
    assert "█" not in text


def test_a_dumb_terminal_is_asked_for_lines_and_shows_shades(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    player = terminal.begun()
    terminal.types(("> ", "press_b\n"))
    assert written(player.decide(view())) == "press_b"
    player.end()
    terminal.wait_for("▓▓▓▓")
    assert "\x1b" not in terminal.shown


def test_input_that_is_no_text_is_an_error_in_a_sentence(piped, monkeypatch):
    piped("")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\n"), "utf-8"))
    with pytest.raises(PlayerError, match="as UTF-8"):
        begun().decide(view())


def test_without_a_standard_input_nobody_can_be_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(PlayerError, match="choose another player"):
        begun()


# Keys and words of any game ----------------------------------------------------------------------


def test_the_first_of_two_actions_of_one_short_name_has_the_key():
    controls = Controls(("press_up", "move_up"))
    assert controls.by_key("up") == "press_up"
    assert controls.numbered == ["move_up"]


def test_a_number_that_no_action_has_means_nothing():
    controls = Controls(("cast",))
    assert controls.by_key("2") is None
    assert controls.by_line("0") is None
    assert controls.by_line("1") == Action("cast")


def test_the_legend_names_the_directions_one_by_one_where_not_all_are_there():
    assert "→=right" in Controls(("left", "right")).legend()
    assert "arrows or WASD" in Controls(POCKET).legend()
