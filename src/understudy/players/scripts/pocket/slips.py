"""Mistakes that somebody makes who is a little confused: plausible, and honestly thought.

A slip is another button than the right one, with what such a player would think. It never reports.
"""

from __future__ import annotations

import random

from understudy.games.game import Action
from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.now import Now

Slip = tuple[str, str, str]
"""A button, what one thinks, and what one expects."""

_LIST: tuple[Slip, ...] = (
    ("up", "What I am looking for may stand further up, so press up.", "The cursor moves up."),
    ("down", "I think it stands further down, so press down.", "The cursor moves down."),
    ("a", "This entry looks right to me, so press A.", "The entry is chosen."),
    ("b", "This seems to be the wrong place, so press B.", "The screen before this one is back."),
)
_WALK: tuple[Slip, ...] = (
    ("up", "I believe the way leads up from here, so press up.", "The hero steps up."),
    ("down", "I believe the way leads down from here, so press down.", "The hero steps down."),
    ("left", "It could be further to the left, so press left.", "The hero steps to the left."),
    ("right", "It could be further to the right, so press right.", "The hero steps to the right."),
    ("a", "There may be something right here, so press A.", "Something is found or said."),
)
_PAGE: tuple[Slip, ...] = (
    ("down", "There may be more further down, so press down.", "The page moves on."),
    ("start", "START may lead on from here, so press START.", "Another screen opens."),
)
_NUMBER: tuple[Slip, ...] = (
    ("up", "The number seems too small, so press up.", "The number grows by one."),
    ("down", "The number seems too large, so press down.", "The number shrinks by one."),
    ("b", "I am not sure that I want this, so press B.", "The box goes away."),
)
_FOUR: tuple[Slip, ...] = (
    ("left", "What I want seems to stand on the left, so press left.", "The cursor moves left."),
    (
        "right",
        "What I want seems to stand on the right, so press right.",
        "The cursor moves right.",
    ),
    ("down", "What I want seems to stand below, so press down.", "The cursor moves down."),
    ("a", "This choice looks right to me, so press A.", "The choice is made."),
)
_BY_MODE = {
    "map": _WALK,
    "dialogue": _PAGE,
    "card": _PAGE,
    "stats": _PAGE,
    "town_map": _PAGE,
    "quantity": _NUMBER,
    "battle_menu": _FOUR,
    "title": _PAGE,
}


def slip(now: Now, right: Move, chance: random.Random) -> Move:
    """Another move than ``right``, drawn from ``chance``."""
    options = [
        one for one in _BY_MODE.get(now.mode, _LIST) if f"press_{one[0]}" != right.action.name
    ]
    button, thought, expected = chance.choice(options)
    return Move(Action(f"press_{button}"), f"{_sight(now)} {thought}", expected)


def _sight(now: Now) -> str:
    """What is on the screen, as somebody says who does not look closely."""
    match now.mode:
        case "map":
            return f"The hero is {now.where}."
        case "dialogue":
            return f'The box says "{now.said}"'
        case "battle_menu":
            return f"The cursor is on {facts.BATTLE_MENU[now.cursor]}."
        case "quantity":
            return f"The box shows {now['quantity']}."
        case "card" | "stats" | "town_map" | "title":
            return "A page fills the screen."
    return "A list with a cursor is open."
