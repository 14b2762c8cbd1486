"""Recipes: how a start state is reached, a line for each thing to do.

press right x2      the button, held and settled like a player's step; `b+left` holds both
run 60              let frames pass
settle              let the screen settle
set money 500       change a named value
poke 0xC010 3 0x1F  change bytes
expect area town    stop with an error unless the value is so: the recipe has gone stale
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from understudy.games.conditions import lookup
from understudy.games.emulators.emulator import BUTTONS, Emulator
from understudy.games.memory_map import MemoryMap
from understudy.games.toml_file import WrongPlace


@dataclass(frozen=True)
class Line:
    """One line of a recipe, understood: a verb and its arguments."""

    verb: str
    text: str
    buttons: tuple[str, ...] = ()
    number: int = 1
    path: str = ""
    value: Any = None
    data: bytes = b""


def read_line(text: str, known: MemoryMap) -> Line:
    """The line that ``text`` says; WrongPlace when it says none."""
    verb, *words = text.split() or [""]
    match verb, words:
        case "press", [buttons, *times]:
            held = tuple(buttons.lower().split("+"))
            if not set(held) <= set(BUTTONS):
                raise WrongPlace(f"`{buttons}` is no button; there is: {', '.join(BUTTONS)}")
            return Line(verb, text, buttons=held, number=_times(times))
        case "run", [frames] if frames.isdecimal():
            return Line(verb, text, number=int(frames))
        case "settle", []:
            return Line(verb, text)
        case "set" | "expect", [path, *_]:
            value = _value(text.split(maxsplit=2)[2:])
            if verb == "set":
                # Read as if everything were zero: what is refused does not depend on it.
                known.encode(path, value, lambda _, count: bytes(count))
            else:
                _check_path(path, known)
            return Line(verb, text, path=path, value=value)
        case "poke", [address, *values] if values:
            at, *data = (_number(word) for word in (address, *values))
            if not all(0 <= byte <= 255 for byte in data) or not 0 <= at <= 0x10000 - len(data):
                raise WrongPlace("bytes go from 0 to 255 and addresses to 0xFFFF")
            return Line(verb, text, number=at, data=bytes(data))
    raise WrongPlace(
        f"`{text}` is no line of a recipe; there is: press BUTTON [xN], run FRAMES, settle, "
        "set PATH VALUE, poke ADDRESS BYTE…, expect PATH VALUE"
    )


def follow(
    lines: list[Line],
    emulator: Emulator,
    known: MemoryMap,
    *,
    press: Callable[[tuple[str, ...]], object],
    settle: Callable[[], object],
) -> None:
    """Carry out ``lines``; WrongPlace with the line's index when an ``expect`` is not so."""
    for index, line in enumerate(lines):
        match line.verb:
            case "press":
                for _ in range(line.number):
                    press(line.buttons)
            case "run":
                emulator.run(line.number, draw=False)
            case "settle":
                settle()
            case "set":
                emulator.write(*known.encode(line.path, line.value, emulator.read))
            case "poke":
                emulator.write(line.number, line.data)
            case "expect":
                found = lookup(known.read(emulator.read), line.path)
                if found != line.value:
                    raise WrongPlace(f"`{line.text}` is not so: it is {found!r}", index)


def _times(words: list[str]) -> int:
    if not words:
        return 1
    count = words[0].removeprefix("x")
    if len(words) > 1 or not words[0].startswith("x") or not count.isdecimal():
        raise WrongPlace(f"`{' '.join(words)}` is no number of times; say x3")
    return int(count)


def _number(word: str) -> int:
    try:
        return int(word, 0)
    except ValueError:
        raise WrongPlace(f"`{word}` is no number") from None


def _value(words: list[str]) -> Any:
    if not words:
        raise WrongPlace("the value is missing")
    text = words[0].strip()
    if text in ("true", "false"):
        return text == "true"
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return text[1:-1]
    try:
        return int(text, 0)
    except ValueError:
        return text


def _check_path(path: str, known: MemoryMap) -> None:
    try:
        lookup(known.blank(), path)
    except LookupError:
        raise WrongPlace(f"`{path}` is not in the memory map") from None
