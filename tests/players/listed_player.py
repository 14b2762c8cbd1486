"""A player that does what it is told, step by step, and how to install it as a stranger would.

``plug_in`` leaves what ``pip install`` would: ``listed`` is then found by its entry point, in
this process and in those that it starts.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.errors import PlayerError
from understudy.games.game import Action
from understudy.players.player import Decision, Outcome, Player, PlayerQuit, Situation, View
from understudy.players.registry import PlayerSettings

ROOT = Path(__file__).parents[2]
HOLD = "LISTED_PLAYER_HOLDS_WHILE"
Doing = str | Action | Decision | Callable[[], Any]


class Listed(Player):
    """Does what is listed, then waits; a function in the list is called in place of thinking."""

    name = "listed"

    def __init__(self, doings: Iterable[Doing] = ()) -> None:
        self._doings = list(doings)
        self._left: Iterator[Doing] = iter(())
        self.situation: Situation | None = None
        self.views: list[View] = []
        self.outcomes: list[Outcome] = []
        self.ends = 0

    def begin(self, situation: Situation) -> None:
        self.situation = situation
        self._left = iter(self._doings)

    def decide(self, view: View) -> Decision:
        self.views.append(view)
        doing = next(self._left, "wait")
        if callable(doing):
            doing = doing() or "wait"
        if isinstance(doing, str):
            doing = Action.parse(doing)
        return Decision(doing) if isinstance(doing, Action) else doing

    def told(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def end(self) -> None:
        self.ends += 1


class PluggedIn(Listed):
    """The same, its list being what stands as the model: ``press_a, press_a, quit``."""

    def __init__(self, settings: PlayerSettings) -> None:
        words = [word.strip() for word in (settings.model or "").split(",") if word.strip()]
        super().__init__(_MOMENTS.get(word, word) for word in words)


def leave() -> None:
    raise PlayerQuit


def give_up() -> None:
    raise PlayerError("the list says that this cannot go on")


def crash() -> None:
    raise ZeroDivisionError("division by zero")


def get(number: int) -> Callable[[], None]:
    """The moment at which this process gets a signal."""
    return lambda: os.kill(os.getpid(), number)


def hold() -> None:
    """Think as long as the file exists that the environment names; a file beside it says so."""
    held = Path(os.environ[HOLD])
    holds = held.with_name(f"{held.name}.{os.getpid()}")
    holds.touch()
    try:
        while held.exists():
            threading.Event().wait(0.01)
    finally:
        holds.unlink()


_MOMENTS: dict[str, Callable[[], Any]] = {
    "quit": leave,
    "give up": give_up,
    "crash": crash,
    "die": get(signal.SIGKILL),
    "hold": hold,
}

_ENTRY_POINTS = """\
[understudy.players]
listed = tests.players.listed_player:PluggedIn
"""


def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the player ``listed`` in ``folder``."""
    package = folder / "listed_player-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: listed-player\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(_ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(folder), str(ROOT))))
