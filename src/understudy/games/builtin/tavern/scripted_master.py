"""The Dungeon Master that needs no model: it knows the house rules, the place, and few words.

It calls what a deed calls for, and goes on from the results: a hit leads to damage, damage to hit
points, a failed check to what lurks behind it. The dice are the table's, so that its evenings are
the same for the same seed and words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from understudy.chat.messages import text_of
from understudy.chat.record import Message
from understudy.chat.scenarios.house_rules import DEFAULT_DC
from understudy.chat.tools.bracket import write_turn
from understudy.chat.tools.registry import TOOLS, Call, Value
from understudy.chat.tools.results import RollResult, parse_result
from understudy.games.builtin.tavern.content import Content, Danger, Secret, content
from understudy.games.builtin.tavern.hero import Hero
from understudy.games.builtin.tavern.table import Table
from understudy.games.builtin.tavern.understanding import Deed, destination, understand

_POTION = "2d4+2"
_HEALS = {"cure wounds": 8, "healing word": 4}
"""Spell → sides of the die that it heals with, a die a level."""
_HARMS = {"sacred flame": "1d8"}
_MANAGED = ("It works, as if it had been practised.", "Done, and neatly.", "That goes well.")
_FAILED = ("It does not work, not this time.", "No luck.", "Not even nearly.")
_TRIES = ("Let us see.", "{hero} tries.", "A moment, and we shall know.")
_SETTLED = ("So be it.", "That is settled.", "And the evening goes on.")
_TALK = ("A nod is the answer.", "The lamps swing. Nobody objects.", "So be it.")


class Pending(msgspec.Struct, kw_only=True):
    """What the next results are for."""

    step: str
    hero: str = ""
    other: str = ""
    foe: str = ""
    secret: str = ""
    skill: str = ""
    amount: int = 0


class ScriptedMaster:
    """A `DungeonMaster` by rule."""

    name = "scripted"

    def __init__(self) -> None:
        self._content: Content = content()
        self._pending: Pending | None = None
        self._found: dict[str, list[str]] = {}
        """Place → what has come to light there."""
        self._steps: dict[str, Callable[[Pending, Table, list[RollResult]], str]] = {
            "secret": self._after_secret,
            "check": self._after_check,
            "danger": self._after_danger,
            "attack": self._after_attack,
            "damage": self._after_damage,
            "struck": self._after_struck,
            "riposte": self._after_riposte,
            "bite": self._after_bite,
            "healing": self._after_healing,
        }

    def begin(self, seed: int) -> None:
        """A new evening: nothing is found, and nothing pending."""
        self._pending, self._found = None, {}

    def answer(self, messages: list[Message], table: Table) -> str:
        """As `DungeonMaster.answer`; what it says depends on the last message alone."""
        said = text_of(messages[-1].get("content"))
        if messages[-1].get("role") == "tool":
            return self._go_on(said, table)
        self._pending = None
        return self._begin_deed(said, table)

    def state(self) -> dict[str, Any]:
        pending = None if self._pending is None else msgspec.to_builtins(self._pending)
        return {"pending": pending, "found": self._found}

    def restore(self, state: dict[str, Any]) -> None:
        pending = state["pending"]
        self._pending = None if pending is None else msgspec.convert(pending, Pending)
        self._found = {place: list(things) for place, things in state["found"].items()}

    def _begin_deed(self, words: str, table: Table) -> str:
        here = self._content.place(table.place)
        arrived = here.words if destination(words, self._content) == here.name else ""
        found = tuple(self._found.get(here.name, ()))
        deed = understand(words, table, self._content, found)
        if deed.kind == "talk":
            return arrived or self._talk(words, table)
        told = {
            "attack": self._attack,
            "cast": self._cast,
            "use": self._use,
            "give": self._give,
            "take": self._take,
            "drop": self._drop,
            "check": self._check,
        }[deed.kind](deed, words, table)
        return f"{arrived} {told}".strip()

    # What a deed calls for ------------------------------------------------------------------------

    def _check(self, deed: Deed, words: str, table: Table) -> str:
        secret = next(
            (one for one in self._content.about(table.place, words) if deed.skill in one.skills),
            None,
        )
        self._pending = Pending(
            step="secret" if secret else "check",
            hero=deed.hero,
            secret=secret.name if secret else "",
            skill=deed.skill,
        )
        words = _TRIES[table.turns % len(_TRIES)]
        return _turn(words.format(hero=deed.hero), ("check", deed.skill, deed.hero))

    def _attack(self, deed: Deed, words: str, table: Table) -> str:
        hero = _hero(table, deed.hero)
        self._pending = Pending(step="attack", hero=hero.name, foe=deed.foe)
        return _turn(
            f"{hero.name} goes for the {deed.foe} with the {hero.attack.weapon}.",
            ("roll", f"1d20{hero.attack.bonus:+d}"),
        )

    def _cast(self, deed: Deed, words: str, table: Table) -> str:
        hero = _hero(table, deed.hero)
        calls: list[tuple[Value, ...]] = [("spellcast", hero.name, deed.spell, deed.level)]
        bonus = (hero.abilities["wisdom"] - 10) // 2
        if deed.spell in _HEALS:
            healed = deed.other or hero.name
            calls.append(("roll", f"{max(1, deed.level)}d{_HEALS[deed.spell]}{bonus:+d}"))
            self._pending = Pending(step="healing", hero=hero.name, other=healed)
        elif deed.spell in _HARMS and deed.foe:
            calls.append(("roll", _HARMS[deed.spell]))
            self._pending = Pending(step="damage", hero=hero.name, foe=deed.foe)
        return _turn(f"{hero.name} speaks the words of {deed.spell}.", *calls)

    def _use(self, deed: Deed, words: str, table: Table) -> str:
        used: tuple[Value, ...] = ("inventory", deed.hero, "remove", deed.item)
        if deed.item == "antidote":
            return _turn("It tastes of chalk, and it helps.", used)
        self._pending = Pending(step="healing", hero=deed.hero, other=deed.other or deed.hero)
        return _turn("Red, sweet and warm.", used, ("roll", _POTION))

    def _give(self, deed: Deed, words: str, table: Table) -> str:
        return _turn(
            f"{deed.other} takes the {deed.item} from {deed.hero}.",
            ("inventory", deed.hero, "remove", deed.item),
            ("inventory", deed.other, "add", deed.item),
        )

    def _take(self, deed: Deed, words: str, table: Table) -> str:
        found = self._found.get(table.place, [])
        if deed.item in found:
            found.remove(deed.item)
        return _turn(
            f"{deed.hero} has the {deed.item} now.", ("inventory", deed.hero, "add", deed.item)
        )

    def _drop(self, deed: Deed, words: str, table: Table) -> str:
        return _turn(
            f"{deed.hero} parts with the {deed.item}.",
            ("inventory", deed.hero, "remove", deed.item),
        )

    def _talk(self, words: str, table: Table) -> str:
        small = words.lower()
        for one in self._content.talk:
            if one.place == table.place and re.search(one.about, small):
                return one.words
        if re.search(r"\b(?:look|see|describe|where|who)\b", small):
            return self.describe(table)
        return _TALK[table.turns % len(_TALK)]

    def describe(self, table: Table) -> str:
        """The place in words."""
        place = self._content.place(table.place)
        foes = [f"a {foe.name}" for foe in table.foes_here()]
        parts = [place.words]
        if place.people:
            parts.append(f"There is {place.people}.")
        if foes:
            parts.append(f"In your way stands {' and '.join(foes)}.")
        return " ".join(parts)

    # What the results lead to ---------------------------------------------------------------------

    def _go_on(self, told: str, table: Table) -> str:
        pending, self._pending = self._pending, None
        lines = told.split("\n")
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        if errors:
            return f"That cannot be: {errors[0]}."
        rolled = [one for line in lines if isinstance(one := parse_result(line), RollResult)]
        if pending is None or (not rolled and pending.step != "bite"):
            return _SETTLED[table.turns % len(_SETTLED)]
        return self._steps[pending.step](pending, table, rolled)

    def _after_secret(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        secret = next(one for one in self._content.secrets if one.name == pending.secret)
        if rolled[-1].total >= secret.skills[pending.skill]:
            return self._brought_to_light(secret, pending)
        if secret.fails is None:
            return secret.failure
        self._pending = msgspec.structs.replace(pending, step="danger", amount=secret.fails.dc)
        return _danger(secret.failure, secret.fails, pending.hero)

    def _brought_to_light(self, secret: Secret, pending: Pending) -> str:
        if secret.gives:
            return _turn(secret.success, ("inventory", pending.hero, "add", secret.gives))
        if secret.finds:
            found = self._found.setdefault(secret.place, [])
            if secret.finds not in found:
                found.append(secret.finds)
        return secret.success

    def _after_check(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        managed = rolled[-1].total >= DEFAULT_DC
        if managed and pending.skill == "perception":
            return self.describe(table)
        words = _MANAGED if managed else _FAILED
        return words[table.turns % len(words)]

    def _after_danger(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        if rolled[-1].total >= pending.amount:
            return f"{pending.hero} shakes it off."
        hero = _hero(table, pending.hero)
        state = hero.conditions[-1] if hero.conditions else "shaken"
        return f"{pending.hero} is {state} now."

    def _after_attack(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        foe = table.foe(pending.foe)
        if foe is None or rolled[-1].total < foe.armour_class:
            return self._strike_back("A miss.", pending)
        self._pending = msgspec.structs.replace(pending, step="damage")
        return _turn("A hit.", ("roll", _hero(table, pending.hero).attack.damage))

    def _after_damage(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        self._pending = msgspec.structs.replace(pending, step="struck")
        amount = max(1, rolled[-1].total)
        return _turn(f"The {pending.foe} takes it.", ("health", pending.foe, f"-{amount}"))

    def _after_struck(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        foe = table.foe(pending.foe)
        if foe is None or foe.beaten:
            return f"The {pending.foe} will trouble nobody any more."
        return self._strike_back(f"The {pending.foe} reels.", pending)

    def _strike_back(self, words: str, pending: Pending) -> str:
        foe = next(one for one in self._content.foes if one.name == pending.foe)
        self._pending = msgspec.structs.replace(pending, step="riposte")
        return _turn(
            f"{words} Now the {foe.name} goes for {pending.hero}.",
            ("roll", f"1d20{foe.attack.bonus:+d}"),
        )

    def _after_riposte(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        hero = _hero(table, pending.hero)
        if rolled[-1].total < hero.armour_class:
            return f"The {pending.foe} misses."
        foe = next(one for one in self._content.foes if one.name == pending.foe)
        self._pending = msgspec.structs.replace(pending, step="bite")
        return _turn(f"The {foe.name} hits {hero.name}.", ("roll", foe.attack.damage))

    def _after_bite(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        amount = max(1, rolled[-1].total)
        return _turn("It hurts.", ("health", pending.hero, f"-{amount}"))

    def _after_healing(self, pending: Pending, table: Table, rolled: list[RollResult]) -> str:
        return _turn(
            f"{pending.other} breathes more easily.",
            ("health", pending.other, f"+{max(1, rolled[-1].total)}"),
        )


def _danger(words: str, danger: Danger, hero: str) -> str:
    return _turn(f"{words} {danger.words} DC {danger.dc}.", ("save", danger.save, hero, danger.dc))


def _hero(table: Table, name: str) -> Hero:
    found = table.hero(name)
    return found if found is not None else table.party[0]


def _turn(words: str, *calls: tuple[Value, ...]) -> str:
    made: list[Call] = [TOOLS.call(str(tool), *values) for tool, *values in calls]
    return write_turn(words, made)
