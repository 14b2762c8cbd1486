"""Which key and which word stands for which action, in any game.

Actions whose names people know from controllers have their customary keys; all others are numbered.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.games.game import REPORT, Action

_DIRECTIONS = ("up", "down", "left", "right")
_CUSTOMARY = {
    "up": ("up", "w"),
    "down": ("down", "s"),
    "left": ("left", "a"),
    "right": ("right", "d"),
    "a": ("z", "A"),
    "b": ("x", "b", "B"),
    "start": ("enter",),
    "select": ("tab", "backspace"),
    "wait": (".", "space"),
    "noop": (".", "space"),
    REPORT: ("r",),
}
_WRITTEN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "enter": "Enter",
    "tab": "Tab",
    "backspace": "Backspace",
    "space": "Space",
}
_DIGITS = 9


class Controls:
    """The keys and words for the actions of one game."""

    def __init__(self, action_names: Sequence[str]) -> None:
        self._names = {name.lower(): name for name in reversed(action_names)}
        self._short = {_short(name): name for name in reversed(action_names)}
        self._keys: dict[str, str] = {}
        self.numbered: list[str] = []
        """The actions without a customary key, by their numbers from 1."""
        for name in action_names:
            keys = [key for key in _CUSTOMARY.get(_short(name), ()) if key not in self._keys]
            self._keys.update(dict.fromkeys(keys, name))
            if not keys:
                self.numbered.append(name)

    def by_key(self, key: str) -> str | None:
        """The name of the action behind ``key``, whatever case it was typed in."""
        if key in tuple("123456789"):
            return self._by_number(int(key))
        return self._keys.get(key) or self._keys.get(key.lower())

    def by_line(self, line: str) -> Action | None:
        """The action that a typed line means: its name, short name, number or key.

        A report's text follows its name, after a colon or not.
        """
        word, text = line.strip(), ""
        first, _, rest = word.replace(":", " ", 1).partition(" ")
        if self._by_word(first) == REPORT:
            word, text = first, rest.strip()
        name = self._by_word(word)
        return Action(name, text) if name is not None else None

    def names(self) -> str:
        """The names of all actions in one line."""
        names = list(self._names.values())[::-1]
        return ", ".join(f"{name}: TEXT" if name == REPORT else name for name in names)

    def legend(self) -> str:
        """The most important keys in one line."""
        found = {_short(name): keys for name, keys in self._by_action().items()}
        parts = []
        if all(direction in found for direction in _DIRECTIONS):
            parts.append("arrows or WASD")
        for short, keys in found.items():
            if short not in _DIRECTIONS or "arrows or WASD" not in parts:
                parts.append(f"{_written(keys[0])}={short}")
        for number, name in enumerate(self.numbered[:_DIGITS], start=1):
            parts.append(f"{number}={name}")
        return " · ".join([*parts, ",=why", "?=help", "q=quit"])

    def help(self) -> list[str]:
        """Every action with all its keys, and what else can be typed, one a line."""
        rows = [(" ".join(map(_written, keys)), name) for name, keys in self._by_action().items()]
        rows += [
            (str(number) if number <= _DIGITS else f": {number}", name)
            for number, name in enumerate(self.numbered, start=1)
        ]
        rows += [
            (":", "type the name of an action"),
            (",", "say why: kept as the reason of your next action"),
            ("?", "this help"),
            ("q", "quit: the session ends as it stands"),
        ]
        width = max(len(keys) for keys, _ in rows)
        return [f"{keys:<{width}}  {what}" for keys, what in rows]

    def _by_word(self, word: str) -> str | None:
        said = word.lower().replace(" ", "_")
        if said.isascii() and said.isdigit():
            return self._by_number(int(said))
        return self._names.get(said) or self._short.get(said) or self._keys.get(said)

    def _by_number(self, number: int) -> str | None:
        return self.numbered[number - 1] if 0 < number <= len(self.numbered) else None

    def _by_action(self) -> dict[str, list[str]]:
        """Name of each action with a customary key → its keys."""
        actions: dict[str, list[str]] = {}
        for key, name in self._keys.items():
            actions.setdefault(name, []).append(key)
        return actions


def _short(name: str) -> str:
    return name.lower().removeprefix("press_").removeprefix("move_")


def _written(key: str) -> str:
    return _WRITTEN.get(key, key)
