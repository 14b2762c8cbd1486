"""What a call came to, as a line: ``stealth: 14 + 7(skill) = *21*``.

The lines of the six tools are written here, so that scenarios, the game and training data spell
them alike. A result without dice is a label and words: ``Sara: rope added``.
"""

from __future__ import annotations

import re

import msgspec

from understudy.chat.tools.dice import parse_dice
from understudy.chat.tools.registry import Call

_LINE = re.compile(
    r"([^:\n]+): (-?\d{1,9})((?: [+-] \d{1,9}\([^()\n]*\))*) = \*(-?\d{1,9})\*", re.ASCII
)
_MODIFIER = re.compile(r" ([+-]) (\d{1,9})\(([^()\n]*)\)", re.ASCII)


class Modifier(msgspec.Struct, frozen=True):
    """What is added to a die, and from where: a skill, a save, damage…"""

    amount: int
    source: str


class RollResult(msgspec.Struct, frozen=True):
    """A result in numbers: the die or what was there before, what is added, and the total."""

    label: str
    die: int
    modifiers: tuple[Modifier, ...]
    total: int

    def __str__(self) -> str:
        added = "".join(
            f" {'-' if one.amount < 0 else '+'} {abs(one.amount)}({one.source})"
            for one in self.modifiers
        )
        return f"{self.label}: {self.die}{added} = *{self.total}*"

    @property
    def adds_up(self) -> bool:
        return self.die + sum(one.amount for one in self.modifiers) == self.total


class WordResult(msgspec.Struct, frozen=True):
    """A result in words."""

    label: str
    """Empty for a line that is no more than words."""
    words: str

    def __str__(self) -> str:
        return f"{self.label}: {self.words}" if self.label else self.words


def parse_result(line: str) -> RollResult | WordResult:
    """The result that a line tells; whatever is not in numbers is taken as words."""
    bare = line.strip()
    found = _LINE.fullmatch(bare)
    if found is None:
        label, colon, words = bare.partition(": ")
        return WordResult(label, words) if colon else WordResult("", bare)
    modifiers = tuple(
        Modifier(int(sign + amount), source) for sign, amount, source in _MODIFIER.findall(found[3])
    )
    return RollResult(found[1].strip(), int(found[2]), modifiers, int(found[4]))


def rolled(call: Call, die: int, modifier: int = 0) -> RollResult:
    """The result of a ``roll``, ``check`` or ``save``.

    ``die`` is what the dice showed. ``modifier`` is the hero's in a check or save; that of a dice
    expression stands in the expression.
    """
    if call.tool == "check":
        return _sum(str(call.arguments["ability"]), die, modifier, "skill")
    if call.tool == "save":
        return _sum(str(call.arguments["type"]), die, modifier, "save")
    label = str(call.arguments["dice_expression"])
    if "d" in label and label[-1].isdigit():
        constant = parse_dice(label).constant
        return _sum(label, die, constant, "bonus") if constant else RollResult(label, die, (), die)
    return _sum(label, die, modifier, "skill")


def health_changed(call: Call, before: int, most: int | None = None) -> RollResult:
    """The result of a ``health`` call on somebody with ``before`` hit points.

    Nobody falls below 0 or rises above ``most``: what was lost beyond that is not counted.
    """
    change = int(call.arguments["modifier"])
    after = max(0, before + change)
    if change > 0 and most is not None:
        after = max(before, min(after, most))
    source = "damage" if change < 0 else "healing"
    shown = Modifier(after - before, source)
    return RollResult(str(call.arguments["character"]), before, (shown,), after)


def inventory_changed(call: Call) -> WordResult:
    """The result of an ``inventory`` call: ``Sara: rope added``."""
    done = "added" if call.arguments["action"] == "add" else "removed"
    return WordResult(str(call.arguments["character"]), f"{call.arguments['item']} {done}")


def spell_cast(call: Call) -> WordResult:
    """The result of a ``spellcast`` call: ``Elara: fireball, level 3``."""
    spell, level = call.arguments["spell"], call.arguments["level"]
    return WordResult(str(call.arguments["character"]), f"{spell}, level {level}")


def _sum(label: str, die: int, modifier: int, source: str) -> RollResult:
    return RollResult(label, die, (Modifier(modifier, source),), die + modifier)
