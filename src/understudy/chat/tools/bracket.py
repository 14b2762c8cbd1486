"""Calls as they stand in a Dungeon Master's words: ``[check: stealth, Mira]``.

Found anywhere in a text, several in one, in any case and with any spaces; written in one spelling.
A bracket without the name of a tool and a colon is an aside ("[laughs]") and no call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from understudy.chat.tools.registry import TOOLS, Call, ToolRegistry
from understudy.errors import FormatError

# Each group ends where the next begins, so that no text makes the search go back.
_OPENED = re.compile(r"\[[ \t]*([A-Za-z][A-Za-z0-9_-]*)?[ \t]*(:)?([^\[\]\n]*)(\]?)")


class PlacedCall(msgspec.Struct, frozen=True):
    """A call and where its bracket stands: ``text[start:end]``."""

    call: Call
    start: int
    end: int


class UnknownCall(msgspec.Struct, frozen=True):
    """A bracket that looks like a call of a tool which the registry does not hold."""

    name: str
    values: tuple[str, ...]
    start: int
    end: int


class MalformedCall(msgspec.Struct, frozen=True):
    """A call of a known tool that its schema refuses, and why."""

    tool: str
    reason: str
    start: int
    end: int


class BracketReading(msgspec.Struct, frozen=True):
    """Everything in brackets in one text, in the order of the text."""

    calls: tuple[PlacedCall, ...] = ()
    unknown: tuple[UnknownCall, ...] = ()
    malformed: tuple[MalformedCall, ...] = ()
    asides: tuple[str, ...] = ()
    """Brackets that are no calls, as they stand."""


def read_brackets(text: str, registry: ToolRegistry = TOOLS) -> BracketReading:
    """Finds and judges every bracket of ``text``; raises nothing."""
    calls: list[PlacedCall] = []
    unknown: list[UnknownCall] = []
    malformed: list[MalformedCall] = []
    asides: list[str] = []
    for found in _OPENED.finditer(text):
        name, colon, inside, closed = (found[1] or "").lower(), found[2], found[3], found[4]
        start, end = found.span()
        tool = registry.get(name)
        if tool is None:
            if not closed:
                continue
            # "[https://…]" is a link.
            if name and colon and not inside.startswith("//"):
                unknown.append(UnknownCall(name, split_values(inside), start, end))
            else:
                asides.append(found[0])
            continue
        try:
            call = tool.read(split_values(inside))
        except ValueError as error:
            if colon:
                reason = str(error) if closed else "its bracket is never closed"
                malformed.append(MalformedCall(name, reason, start, end))
            elif closed:
                asides.append(found[0])
            continue
        if not colon:
            malformed.append(MalformedCall(name, f"no colon follows {name}", start, end))
        elif not closed:
            malformed.append(MalformedCall(name, "its bracket is never closed", start, end))
        else:
            calls.append(PlacedCall(call, start, end))
    return BracketReading(tuple(calls), tuple(unknown), tuple(malformed), tuple(asides))


def find_calls(text: str, registry: ToolRegistry = TOOLS) -> list[Call]:
    """The well-formed calls in ``text``, in order."""
    return [placed.call for placed in read_brackets(text, registry).calls]


def parse_call(text: str, registry: ToolRegistry = TOOLS) -> Call:
    """The one call that ``text`` is; FormatError saying what is wrong with it, and at which place.

    Spaces around it are allowed, and nothing else.
    """
    reading = read_brackets(text, registry)
    if reading.malformed:
        bad = reading.malformed[0]
        raise FormatError(
            f"the call of {bad.tool} is malformed: {bad.reason}; the format is "
            f"{registry[bad.tool].format}",
            position=f"character {bad.start + 1}",
        )
    if reading.unknown:
        strange = reading.unknown[0]
        raise FormatError(
            f"there is no tool {strange.name!r}; known are {', '.join(registry.names)}",
            position=f"character {strange.start + 1}",
        )
    if len(reading.calls) != 1 or without_calls(text, registry):
        raise FormatError(
            f"{text.strip()!r} is not one call such as [check: stealth, player]",
            position="character 1",
        )
    return reading.calls[0].call


def write_call(call: Call, registry: ToolRegistry = TOOLS) -> str:
    """The canonical text of a call; FormatError when its arguments do not fit its tool."""
    tool = registry[call.tool]
    try:
        unknown = [name for name in call.arguments if all(name != a.name for a in tool.arguments)]
        if unknown:
            raise ValueError(f"it has no argument {unknown[0]!r}")
        written: list[str] = []
        for argument in tool.arguments:
            if argument.name in call.arguments:
                if len(written) < tool.arguments.index(argument):
                    raise ValueError(f"{argument.name} is given and the argument before it is not")
                written.append(argument.write(call.arguments[argument.name]))
            elif argument.required:
                raise ValueError(f"{argument.name} is missing")
    except ValueError as error:
        raise FormatError(
            f"the call of {call.tool} cannot be written: {error}; the format is {tool.format}"
        ) from None
    return f"[{tool.name}: {', '.join(written)}]" if written else f"[{tool.name}:]"


def write_turn(words: str, calls: Iterable[Call], registry: ToolRegistry = TOOLS) -> str:
    """A Dungeon Master's turn in its canonical layout: the words, then the calls."""
    written = (write_call(call, registry) for call in calls)
    return " ".join(part for part in (words.strip(), *written) if part)


def canonical_turn(text: str, registry: ToolRegistry = TOOLS) -> str:
    """``text`` with each well-formed call rewritten where it stands; nothing else is touched."""
    parts = []
    at = 0
    for placed in read_brackets(text, registry).calls:
        parts += [text[at : placed.start], write_call(placed.call, registry)]
        at = placed.end
    return "".join((*parts, text[at:]))


def without_calls(text: str, registry: ToolRegistry = TOOLS) -> str:
    """The words of a turn alone; the gap that a call leaves is closed."""
    parts = []
    at = 0
    for placed in read_brackets(text, registry).calls:
        before = text[at : placed.start]
        if before[-1:] in (" ", "\t") and text[placed.end : placed.end + 1] in ("", " ", "\n"):
            before = before[:-1]
        parts.append(before)
        at = placed.end
    parts.append(text[at:])
    return "".join(parts).strip()


def split_values(inside: str) -> tuple[str, ...]:
    """The arguments of a bracket as they stand, without the spaces around them."""
    return tuple(value.strip() for value in inside.split(",")) if inside.strip() else ()
