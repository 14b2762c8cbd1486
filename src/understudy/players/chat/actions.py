"""The actions of a game as a model reads them, and the action that a model means by its words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from understudy.games.game import REPORT, SAY

WAIT = "wait"

_WHAT_THEY_DO = {
    "press_a": "confirm, choose what the cursor points at, talk, take, or read on",
    "press_b": "cancel, or go back",
    "press_start": "open or close the menu",
    "press_select": "the SELECT button; few games use it",
    "press_up": "walk up, or move the cursor up",
    "press_down": "walk down, or move the cursor down",
    "press_left": "walk left, or move the cursor left",
    "press_right": "walk right, or move the cursor right",
    WAIT: "press nothing and let a moment pass",
    REPORT: "give the answer to what is asked, in `text`; it ends the task, so look first",
    SAY: "say in `text` what you do or say, in a sentence or two, naming who does it",
}
_FILLERS = frozenset(("press", "push", "hit", "tap", "the", "button", "key", "arrow", "walk"))
_WORD = re.compile(r"[a-z0-9]+")
_LONGEST = 100


def described(names: Sequence[str]) -> str:
    """The actions, one a line, with what they do where that is known of their names."""
    return "\n".join(
        f"- {name}: {_WHAT_THEY_DO[name]}" if name in _WHAT_THEY_DO else f"- {name}"
        for name in names
    )


def meant(written: str, names: Sequence[str]) -> str | None:
    """The one of ``names`` that ``written`` means: itself, or said in other words.

    ``A``, ``press a``, ``PRESS_A`` and "the A button" mean ``press_a``. None when it is none of
    them, or may be several.
    """
    if written in names:
        return written
    if len(written) > _LONGEST:
        return None
    for words in (_words, _bare_words):
        wanted = words(written)
        fitting = [name for name in names if words(name) == wanted]
        if wanted and fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))


def _bare_words(text: str) -> tuple[str, ...]:
    """The words without those that only say that something is pressed."""
    return tuple(word for word in _words(text) if word not in _FILLERS)
