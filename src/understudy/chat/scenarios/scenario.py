"""A scenario: what the Dungeon Master is told of the world and the party, and the turns played."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from understudy.chat.record import Message
from understudy.chat.scenarios import house_rules
from understudy.chat.tools.bracket import find_calls
from understudy.chat.tools.registry import TOOLS, Call, ToolRegistry

Speaker = Literal["user", "dm", "tool"]
ROLE = "Dungeon Master"
_CHAT_ROLES = {"user": "user", "dm": "assistant", "tool": "tool"}


class PartyMember(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the party sheet: ``- Mira (Halfling Rogue, Level 3, HP: 21/24)``."""

    name: str
    race: str = ""
    """Empty where the sheet does not say."""
    class_name: str
    level: int
    hit_points: int
    most_hit_points: int

    @property
    def line(self) -> str:
        kind = f"{self.race} {self.class_name}" if self.race else self.class_name
        health = f"{self.hit_points}/{self.most_hit_points}"
        return f"- {self.name} ({kind}, Level {self.level}, HP: {health})"


class Fact(msgspec.Struct, frozen=True):
    """Something else that the Dungeon Master is told: ``Weather: rain``, or a plain sentence."""

    key: str
    """Empty for a plain sentence."""
    value: str

    @property
    def line(self) -> str:
        return f"{self.key}: {self.value}" if self.key else self.value


class Turn(msgspec.Struct, frozen=True):
    """What somebody says: the player, the Dungeon Master, or the tools with their results."""

    speaker: Speaker
    text: str

    def calls(self, registry: ToolRegistry = TOOLS) -> list[Call]:
        """The well-formed calls of a Dungeon Master's turn; nobody else calls tools."""
        return find_calls(self.text, registry) if self.speaker == "dm" else []

    @property
    def results(self) -> list[str]:
        """The lines of a tools' turn."""
        return self.text.split("\n") if self.speaker == "tool" else []


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of the system prompt, and the turns."""

    role: str = ROLE
    world: str = ""
    location: str = ""
    party: tuple[PartyMember, ...] = ()
    rules: str = ""
    """When which tool is called, where it is not the house rules."""
    facts: tuple[Fact, ...] = ()
    turns: tuple[Turn, ...] = ()

    def calls(self, registry: ToolRegistry = TOOLS) -> Iterator[tuple[int, Call]]:
        """Every well-formed call with the number of its turn, from 0."""
        for number, turn in enumerate(self.turns):
            for call in turn.calls(registry):
                yield number, call

    def prompt(self) -> str:
        """The system prompt: the rules first, so that all scenarios begin alike, then the facts."""
        lines = [f"Role: {self.role or ROLE}", f"Rules: {self.rules or house_rules.prompt_text()}"]
        return "\n".join((*lines, *self.fact_lines()))

    def fact_lines(self) -> Iterator[str]:
        """World, location, party and the other facts, a line each."""
        if self.world:
            yield f"World: {self.world}"
        if self.location:
            yield f"Location: {self.location}"
        if self.party:
            yield "Party:"
            yield from (member.line for member in self.party)
        yield from (fact.line for fact in self.facts)

    def messages(self) -> list[Message]:
        """The scenario as a chat with the calls in brackets, the results as messages of a tool."""
        turns = [{"role": _CHAT_ROLES[turn.speaker], "content": turn.text} for turn in self.turns]
        return [{"role": "system", "content": self.prompt()}, *turns]
