"""A case: a conversation, and what the Dungeon Master's answer to it has to call.

What may stand in an argument is a list of acceptable values: a hero's name and ``player`` where
both mean the same, several spellings of a thing. An empty ``expected`` means that no tool may be
called.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from understudy.chat.record import Message
from understudy.chat.scenarios.scenario import Scenario
from understudy.chat.tools.registry import TOOLS, Call, ToolRegistry, Value
from understudy.errors import UsageError


class ExpectedCall(msgspec.Struct, frozen=True):
    """A call that is due: the tool, and for each argument the values that are acceptable."""

    name: str
    arguments: dict[str, list[Value]]
    """The first value of each is the one that the house rules say."""

    def canonical(self) -> Call:
        """The call with the first of its values."""
        return Call(self.name, {name: values[0] for name, values in self.arguments.items()})


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One turn that a model is asked to answer, and what is known of the right answer."""

    id: str
    set: str
    """Which of the validation sets it belongs to."""
    messages: list[Message]
    """Up to the player's words, or up to the results of the tools."""
    expected: tuple[ExpectedCall, ...] = ()
    ordered: bool = False
    """Whether the calls have to come in the order of ``expected``."""
    known: dict[str, Any] = {}
    """The facts of the table as the system prompt tells them: ``party`` with each hero's hit
    points, and who the ``speaker`` is where that is clear."""
    tells: tuple[str, ...] = ()
    """What the words of the answer have to say: a number, a name, a place."""
    reference: str = ""
    """What a person wrote as the answer; empty where nobody did."""
    group: str = ""
    """Cases of one group are the same turn with other names, and no news of each other; empty
    where a case stands alone."""

    @property
    def unit(self) -> str:
        """What is drawn when cases are drawn at random: the group, or the case itself."""
        return self.group or self.id


def expect(
    call: Call,
    also: Mapping[str, Sequence[Value]] | None = None,
    registry: ToolRegistry = TOOLS,
) -> ExpectedCall:
    """The expectation of ``call``; ``also`` names further values that are acceptable.

    Raises UsageError for what the tool does not take: a case that nobody could pass is a fault.
    """
    tool = registry[call.tool]
    known = {argument.name: argument for argument in tool.arguments}
    for name in (*call.arguments, *(also or {})):
        if name not in known:
            raise UsageError(f"the tool {tool.name} has no argument {name!r}; it is {tool.format}")
    values: dict[str, list[Value]] = {}
    for name, value in call.arguments.items():
        try:
            read = [known[name].read(str(one)) for one in (value, *(also or {}).get(name, ()))]
        except ValueError as error:
            raise UsageError(f"no call of {tool.name} can be like that: {error}") from None
        values[name] = list(dict.fromkeys(read))
    return ExpectedCall(tool.name, values)


def table_of(scenario: Scenario, speaker: str = "") -> dict[str, Any]:
    """The facts of the table that a scenario's system prompt tells, for `Case.known`."""
    party = {
        member.name: {"hp": member.hit_points, "max_hp": member.most_hit_points}
        for member in scenario.party
    }
    return {"party": party, "speaker": speaker}


def digest(cases: Iterable[Case]) -> str:
    """The SHA-256 of the cases: the same only for the same questions and the same answers."""
    encoded = msgspec.json.encode(list(cases), order="deterministic")
    return hashlib.sha256(encoded).hexdigest()
