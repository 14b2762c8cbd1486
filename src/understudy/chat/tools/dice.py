"""One spelling for each dice expression: ``d20 + 5``, ``5+D20`` and ``1d20+5`` are the same roll.

Only what a table says aloud is understood: dice, numbers, plus and minus, and keeping the highest
or lowest dice of a throw. Rolling is not done here.
"""

from __future__ import annotations

import re

import msgspec

MOST_DICE = 100
MOST_SIDES = 1000
MOST_CONSTANT = 10_000

_TERM = re.compile(r"([+-])(?:(\d{0,4})d(\d{1,4}|%)(?:(kh|kl)(\d{0,3}))?|(\d{1,5}))", re.ASCII)


class Throw(msgspec.Struct, frozen=True):
    """Dice of one kind thrown together: ``2d20kh1`` keeps the highest of two."""

    sides: int
    count: int = 1
    sign: int = 1
    keep: str = ""
    """``kh`` the highest, ``kl`` the lowest, empty for all."""
    kept: int = 0

    def __str__(self) -> str:
        kept = f"{self.keep}{self.kept}" if self.keep else ""
        return f"{self.count}d{self.sides}{kept}"

    @property
    def counting(self) -> int:
        """How many of the dice count."""
        return self.kept if self.keep else self.count


class Dice(msgspec.Struct, frozen=True):
    """A dice expression: its throws, those of the largest dice first, and what is added to them."""

    throws: tuple[Throw, ...]
    constant: int = 0

    def __str__(self) -> str:
        text = ""
        for throw in self.throws:
            text += ("-" if throw.sign < 0 else "+" if text else "") + str(throw)
        return text + (f"{self.constant:+d}" if self.constant else "")

    def range(self) -> tuple[int, int]:
        """The least and the most that the dice show, without what is added."""
        lows = [t.counting if t.sign > 0 else -t.counting * t.sides for t in self.throws]
        highs = [t.counting * t.sides if t.sign > 0 else -t.counting for t in self.throws]
        return sum(lows), sum(highs)


def parse_dice(text: str) -> Dice:
    """The expression that ``text`` spells, in any case and with any spaces around plus and minus.

    ValueError, in words, when it is none: no dice in it, or numbers beyond what a table throws.
    """
    shown = text.strip()
    bare = " ".join(text.split()).lower().replace("−", "-")
    for sign in "+-":
        bare = bare.replace(f" {sign}", sign).replace(f"{sign} ", sign)
    if not bare.startswith(("+", "-")):
        bare = f"+{bare}"
    throws: list[Throw] = []
    constant = at = 0
    while at < len(bare):
        term = _TERM.match(bare, at)
        if term is None:
            raise ValueError(f"{shown!r} is no dice expression such as 2d6+3")
        at = term.end()
        if term[6] is not None:
            constant += int(term[1] + term[6])
        else:
            throws.append(_throw(term, shown))
    if not throws:
        raise ValueError(f"{shown!r} holds no dice such as 1d20")
    if abs(constant) > MOST_CONSTANT:
        raise ValueError(f"{shown!r} adds more than {MOST_CONSTANT}")
    return Dice(throws=_gathered(throws, shown), constant=constant)


def normalise_dice(text: str) -> str:
    """The one spelling of what ``text`` rolls; ValueError as `parse_dice`."""
    return str(parse_dice(text))


def _throw(term: re.Match[str], shown: str) -> Throw:
    count = int(term[2] or 1)
    sides = 100 if term[3] == "%" else int(term[3])
    if not 1 <= count <= MOST_DICE or not 2 <= sides <= MOST_SIDES:
        raise ValueError(
            f"{shown!r} is out of bounds: 1 to {MOST_DICE} dice of 2 to {MOST_SIDES} sides"
        )
    keep, kept = term[4] or "", int(term[5] or 1) if term[4] else 0
    if keep and not 1 <= kept <= count:
        raise ValueError(f"{shown!r} keeps {kept} of {count} dice")
    if kept == count:
        keep, kept = "", 0
    return Throw(sides=sides, count=count, sign=1 if term[1] == "+" else -1, keep=keep, kept=kept)


def _gathered(throws: list[Throw], shown: str) -> tuple[Throw, ...]:
    """Dice of the same kind put together; kept dice stay a throw of their own."""
    apart = [throw for throw in throws if throw.keep]
    counts: dict[tuple[int, int], int] = {}
    for throw in throws:
        if not throw.keep:
            kind = (throw.sides, throw.sign)
            counts[kind] = counts.get(kind, 0) + throw.count
    if any(count > MOST_DICE for count in counts.values()):
        raise ValueError(f"{shown!r} throws more than {MOST_DICE} dice of a kind")
    together = [Throw(sides=s, count=count, sign=sign) for (s, sign), count in counts.items()]
    return tuple(sorted((*apart, *together), key=_place))


def _place(throw: Throw) -> tuple[int, int, str, int, int]:
    return (-throw.sign, -throw.sides, throw.keep, throw.count, throw.kept)
