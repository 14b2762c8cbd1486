"""The player who sits at the keyboard: shows what there is to see, and asks for one key a step.

What is shown goes to standard error, so that standard output stays what the command prints. Where
standard input or error is no terminal, whole lines are read instead, each with the name of an
action. In a game in words a line is what is said.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TextIO

from understudy._util.terminal_picture import draw, wants_colour
from understudy.errors import PlayerError
from understudy.games.game import REPORT, SAY, Action, only_spoken
from understudy.players.controls import Controls
from understudy.players.human_page import count_of_steps, page, printable, terminal_size
from understudy.players.keyboard import END, Keyboard, open_keyboard
from understudy.players.player import Decision, Outcome, Player, PlayerQuit, Situation, View
from understudy.players.registry import PlayerSettings


class HumanPlayer(Player):
    """A person. ``q``, or the end of the input, ends the session as it stands."""

    name = "human"

    def __init__(self, settings: PlayerSettings) -> None:
        self._asks: _Asks | None = None

    def begin(self, situation: Situation) -> None:
        """PlayerError where nobody can be asked."""
        stdin, stderr = sys.stdin, sys.stderr
        if stdin is None or stdin.closed or stderr is None:
            raise PlayerError(
                "there is no standard input and error to ask a person through; play in a terminal, "
                "or choose another player"
            )
        controls = Controls(situation.game.action_names)
        if only_spoken(situation.game.action_names):
            self._asks = _InWords(situation, controls, stdin, stderr)
            return
        at_terminal = stdin.isatty() and stderr.isatty() and os.environ.get("TERM") != "dumb"
        kind = _AtTerminal if at_terminal else _ByLines
        self._asks = kind(situation, controls, stdin, stderr)

    def decide(self, view: View) -> Decision:
        """What the person chose."""
        if self._asks is None:
            raise PlayerError("nobody was asked to play yet; a session has to begin first")
        try:
            return self._asks.ask(view)
        except BaseException:
            self._asks.end()
            raise

    def told(self, outcome: Outcome) -> None:
        """Say it where it is worth saying."""
        if self._asks is not None:
            self._asks.told(outcome)

    def end(self) -> None:
        """Give the terminal back."""
        if self._asks is not None:
            self._asks.end()
            self._asks = None


class _Asks(ABC):
    """A way to ask a person."""

    def __init__(
        self, situation: Situation, controls: Controls, stdin: TextIO, stderr: TextIO
    ) -> None:
        self.situation = situation
        self.controls = controls
        self.stdin = stdin
        self.stderr = stderr
        self.colour = wants_colour(stderr)
        self.reason: str | None = None
        self.goal = f"Goal: {printable(situation.words)}"

    @abstractmethod
    def ask(self, view: View) -> Decision:
        """What the person chooses now."""

    @abstractmethod
    def told(self, outcome: Outcome) -> None:
        """What came of it."""

    def end(self) -> None:  # noqa: B027 - a hook
        """Nothing is asked any more; may be called again."""

    def say(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()

    def decision(self, action: Action) -> Decision:
        reason, self.reason = self.reason, None
        return Decision(action, reasoning=reason)


class _ByLines(_Asks):
    """Lines from a pipe, a file, or a terminal that can do nothing else."""

    def ask(self, view: View) -> Decision:
        if view.step == 1:
            self.say(f"{self.goal}\nActions: {self.controls.names()}\n")
        self.say(f"\n{count_of_steps(view)}\n")
        if self.stderr.isatty():
            columns, rows = terminal_size(self.stderr)
            self.say(draw(view.screenshot, columns=columns, rows=rows, colour=self.colour) + "\n")
        self.say(printable(view.observation, keep="\n") + "\n")
        while True:
            line = self._line("> ")
            if line.startswith(","):
                self.reason = line[1:].strip() or None
            elif line == "?":
                self.say("\n".join(self.controls.help()) + "\n")
            elif line in ("q", "quit"):
                raise PlayerQuit
            elif line:
                action = self._action(line)
                if action is not None:
                    return self.decision(action)

    def told(self, outcome: Outcome) -> None:
        self.say(f"{_came_of(outcome)}\n")

    def _action(self, line: str) -> Action | None:
        """What ``line`` means; None, after saying so, when it means nothing."""
        action = self.controls.by_line(line)
        if action is None and "," in line:
            line, _, reason = line.partition(",")
            action = self.controls.by_line(line)
            if action is not None:
                self.reason = reason.strip() or None
        if action is None:
            self.say(f"{printable(line)!r} is no action here; ? shows them.\n")
        elif action.name == REPORT and not action.text:
            text = self._line("Report: ")
            return Action(REPORT, text) if text else None
        return action

    def _line(self, prompt: str) -> str:
        self.say(prompt)
        try:
            line = self.stdin.readline()
        except UnicodeDecodeError as error:
            raise PlayerError(
                f"standard input is no text ({error}); send the names of actions as UTF-8, one a "
                "line"
            ) from error
        if not line:
            raise PlayerQuit
        return line.strip()


class _InWords(_ByLines):
    """Lines that are said as they stand; the answers are read like a conversation."""

    _said = ""

    def ask(self, view: View) -> Decision:
        if view.step == 1:
            self.say(f"{self.goal}\nSay what you do; q ends it.\n\n")
        self._tell(view.observation)
        while True:
            line = self._line("> ")
            if line in ("q", "quit"):
                raise PlayerQuit
            if line:
                self._said = line
                return self.decision(Action(SAY, line))

    def told(self, outcome: Outcome) -> None:
        if outcome.done:
            self._tell(self.situation.game.describe())
            self.say(f"{_came_of(outcome)}\n")

    def _tell(self, observation: str) -> None:
        """What the game tells, without an echo of what was typed a moment ago."""
        told = observation.removeprefix(f"> {self._said}\n") if self._said else observation
        self.say(printable(told, keep="\n") + "\n\n")


class _AtTerminal(_Asks):
    """Single keys, and a page that is drawn anew for each step."""

    def __init__(
        self, situation: Situation, controls: Controls, stdin: TextIO, stderr: TextIO
    ) -> None:
        super().__init__(situation, controls, stdin, stderr)
        self._keyboard: Keyboard = open_keyboard(stdin)
        self._drawn = False
        self._note = ""
        self._view: View | None = None

    def ask(self, view: View) -> Decision:
        self._view = view
        while True:
            # First: a key that is typed while the page is drawn is not to be shown in it.
            self._keyboard.open()
            self._draw(view)
            self._note = ""
            key = self._keyboard.key()
            if key in (END, "q"):
                raise PlayerQuit
            if key == "?":
                self._help()
            elif key == ",":
                self.reason = self._line("Why: ") or self.reason
                self._note = f"Why: {self.reason}" if self.reason else ""
            else:
                action = self._action(key)
                if action is not None:
                    return self.decision(action)

    def told(self, outcome: Outcome) -> None:
        self._note = _came_of(outcome)
        if outcome.done and self._view is not None:
            game = self.situation.game
            self._draw(
                replace(self._view, screenshot=game.screenshot(), observation=game.describe())
            )

    def end(self) -> None:
        self._keyboard.close()
        if self._drawn:
            self._drawn = False
            self.say("\n")

    def _action(self, key: str) -> Action | None:
        """What ``key`` means; None, with a note, when it means nothing."""
        if key == ":":
            action = self.controls.by_line(self._line("Action: "))
        else:
            name = self.controls.by_key(key)
            action = Action(name) if name else None
        if action is None:
            self._note = "That is no action here; ? shows the keys."
        elif action.name == REPORT and not action.text:
            text = self._line("Report: ")
            self._note = "" if text else "Nothing was reported."
            return Action(REPORT, text) if text else None
        return action

    def _line(self, prompt: str) -> str:
        self._keyboard.close()
        self.say(f"\r\x1b[K{prompt}")
        return (self._keyboard.line() or "").strip()

    def _help(self) -> None:
        self._page([*self.controls.help(), "", "Any key goes on."])
        self._keyboard.key()

    def _draw(self, view: View) -> None:
        texts = [self.goal, count_of_steps(view), *([self._note] if self._note else []), ""]
        texts += printable(view.observation, keep="\n").split("\n")
        texts += ["", self.controls.legend()]
        columns, lines = terminal_size(self.stderr)
        # The last line is the cursor's: one below the picture would scroll it.
        room = os.terminal_size((columns, lines - 1))
        self._page(page(view, texts, room, colour=self.colour))

    def _page(self, lines: list[str]) -> None:
        """Show ``lines`` in place of what was there, without a moment of nothing."""
        height = terminal_size(self.stderr)[1]
        if not self._drawn:
            self._drawn = True
            self.say("\n" * height)  # what stood there before can still be scrolled to
        shown = "".join(f"{line}\x1b[K\n" for line in lines[: height - 1])
        self.say(f"\x1b[H{shown}\x1b[J")


def _came_of(outcome: Outcome) -> str:
    """What is worth saying of it; empty for most."""
    if outcome.done:
        return "Done." if outcome.success else "It has ended, and not as it should."
    return "" if outcome.effect else f"{outcome.action.name} changed nothing."
