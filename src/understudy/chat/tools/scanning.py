"""Which tools are called in given texts: the known ones counted, the others with their places."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.json_schema import read_json_call
from understudy.chat.tools.registry import TOOLS, ToolRegistry


class GameText(msgspec.Struct, frozen=True, kw_only=True):
    """What a Dungeon Master said, and where it stands."""

    source: str
    """The file or session, for people."""
    text: str
    line: int | None = None
    """The line of the file on which it begins; None where it is no text file."""
    place: str = ""
    """Where in the source, in words, when there is no line."""
    calls: tuple[tuple[str, Any], ...] = ()
    """Calls beside the text: names and arguments as an API gave them."""
    names: tuple[str, ...] = ()
    """Who is in the party, as far as the source says."""

    def where(self, offset: int = 0) -> str:
        """``combat/ambush.md, line 14``."""
        if self.line is not None:
            return f"{self.source}, line {self.line + self.text.count(chr(10), 0, offset)}"
        return f"{self.source}, {self.place}" if self.place else self.source


class UnknownUse(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a tool that the registry does not hold."""

    name: str
    values: tuple[str, ...]
    where: str
    argument_names: tuple[str, ...] = ()
    """As an API named them; empty in brackets."""
    party: tuple[str, ...] = ()


class MalformedUse(msgspec.Struct, frozen=True, kw_only=True):
    """A use of a known tool that its schema refuses."""

    tool: str
    reason: str
    text: str
    where: str


class ToolScan(msgspec.Struct, kw_only=True):
    """What a scan found."""

    texts: int = 0
    calls: int = 0
    by_tool: dict[str, int] = {}
    """Every tool of the registry, also those never called."""
    unknown: list[UnknownUse] = []
    malformed: list[MalformedUse] = []
    asides: int = 0
    """Brackets that are no calls."""
    unread: list[str] = []
    """What could not be read at all, and why."""


def scan(texts: Iterable[GameText], registry: ToolRegistry = TOOLS) -> ToolScan:
    """Judges every call in ``texts``; raises nothing of its own."""
    found = ToolScan(by_tool=dict.fromkeys(registry.names, 0))
    for text in texts:
        found.texts += 1
        _scan_brackets(text, registry, found)
        for name, arguments in text.calls:
            _scan_call(text, name, arguments, registry, found)
    found.calls = sum(found.by_tool.values())
    return found


def _scan_brackets(text: GameText, registry: ToolRegistry, found: ToolScan) -> None:
    reading = read_brackets(text.text, registry)
    found.asides += len(reading.asides)
    for placed in reading.calls:
        found.by_tool[placed.call.tool] += 1
    for strange in reading.unknown:
        found.unknown.append(
            UnknownUse(
                name=strange.name,
                values=strange.values,
                where=text.where(strange.start),
                party=text.names,
            )
        )
    for bad in reading.malformed:
        found.malformed.append(
            MalformedUse(
                tool=bad.tool,
                reason=bad.reason,
                text=text.text[bad.start : bad.end],
                where=text.where(bad.start),
            )
        )


def _scan_call(
    text: GameText, name: str, arguments: Any, registry: ToolRegistry, found: ToolScan
) -> None:
    try:
        found.by_tool[read_json_call(name, arguments, registry).tool] += 1
    except ValueError as error:
        shown = f"{name}({arguments})"
        found.malformed.append(
            MalformedUse(tool=name, reason=str(error), text=shown, where=text.where())
        )
    except KeyError:
        named = _named(arguments)
        found.unknown.append(
            UnknownUse(
                name=name.lower(),
                values=tuple(named.values()),
                argument_names=tuple(named),
                where=text.where(),
                party=text.names,
            )
        )


def _named(arguments: Any) -> dict[str, str]:
    if isinstance(arguments, str):
        try:
            arguments = msgspec.json.decode(arguments or "{}")
        except ValueError:
            return {}
    return {str(k): str(v) for k, v in arguments.items()} if isinstance(arguments, dict) else {}
