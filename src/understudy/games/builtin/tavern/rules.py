"""Carrying out what the Dungeon Master calls, and writing down what came of it.

Each call gets one line in the seed's format (``stealth: 14 + 7(skill) = *21*``). A call that is
malformed, or that the rules do not allow, changes nothing and gets a line that begins with
``error:``, so that the Dungeon Master can mend it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from understudy.chat.scenarios import world
from understudy.chat.tools import results
from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.dice import parse_dice
from understudy.chat.tools.registry import TOOLS, Call
from understudy.chat.tools.results import RollResult, WordResult
from understudy.games.builtin.tavern.dice_cup import D20, WORSE_OF_TWO, throw
from understudy.games.builtin.tavern.hero import FRIGHTENED, POISONED, PRONE, UNCONSCIOUS, Foe, Hero
from understudy.games.builtin.tavern.table import Table

MOST_CALLS = 8
"""Of one turn of the Dungeon Master; further ones are refused."""
MOST_ITEMS = 40
"""In one pack."""
_LONGEST_ITEM = 60
_AFTER_A_FAILED_SAVE = {"constitution": POISONED, "wisdom": FRIGHTENED, "strength": PRONE}
_ENDED_BY_A_SAVE = {"constitution": POISONED, "wisdom": FRIGHTENED, "strength": PRONE}
_ENDED_BY_A_CHECK = {"athletics": PRONE, "acrobatics": PRONE, "medicine": POISONED}
_EASY = 10
"""A check of this or more gets somebody up, or draws the poison."""
_CURES = {"antidote": POISONED}

Result = RollResult | WordResult


class Refused(Exception):  # noqa: N818 - told to the Dungeon Master, raised no further
    """The rules do not allow a call; the words say why and what would be allowed."""


def carry_out(table: Table, answer: str, chance: random.Random) -> list[str]:
    """The lines that the calls in ``answer`` come to, in their order; none where it calls nothing.

    Raises nothing, whatever the answer is.
    """
    reading = read_brackets(answer, TOOLS)
    attempts: list[tuple[int, Call | str]] = [(one.start, one.call) for one in reading.calls]
    attempts += [
        (bad.start, f"{bad.tool} is malformed: {bad.reason}; write {TOOLS[bad.tool].format}")
        for bad in reading.malformed
    ]
    attempts += [
        (strange.start, f"there is no tool {strange.name!r}; there is {', '.join(TOOLS.names)}")
        for strange in reading.unknown
    ]
    lines = []
    for number, (_, attempt) in enumerate(sorted(attempts, key=lambda pair: pair[0]), start=1):
        if number > MOST_CALLS:
            table.refused += len(attempts) - MOST_CALLS
            lines.append(f"error: at most {MOST_CALLS} calls are carried out in one turn")
            break
        try:
            if isinstance(attempt, str):
                raise Refused(attempt)
            lines.append(str(execute(table, attempt, chance)))
        except Refused as refusal:
            table.refused += 1
            lines.append(f"error: {refusal}")
    return lines


def execute(table: Table, call: Call, chance: random.Random) -> Result:
    """Carry out one call; Refused, with nothing changed, where the rules do not allow it."""
    return _RULES[call.tool](table, call, chance)


def _roll(table: Table, call: Call, chance: random.Random) -> Result:
    text = str(call.arguments["dice_expression"])
    table.rolls += 1
    try:
        dice = parse_dice(text)
    except ValueError:  # the name of a roll
        hero = _hero(table, table.speaker)
        return results.rolled(call, throw(D20, chance), hero.modifier(text))
    return results.rolled(call, throw(dice, chance))


def _check(table: Table, call: Call, chance: random.Random) -> Result:
    hero = _acting(table, call)
    ability = str(call.arguments["ability"])
    dice = WORSE_OF_TWO if hero.hindered else D20
    result = results.rolled(call, throw(dice, chance), hero.modifier(ability))
    table.checks += 1
    table.best[ability] = max(result.total, table.best.get(ability, result.total))
    if result.total >= _EASY and ability in _ENDED_BY_A_CHECK:
        hero.end(_ENDED_BY_A_CHECK[ability])
    return result


def _save(table: Table, call: Call, chance: random.Random) -> Result:
    hero = _acting(table, call)
    ability = str(call.arguments["type"])
    result = results.rolled(call, throw(D20, chance), hero.save_modifier(ability))
    table.saves += 1
    if result.total >= int(call.arguments["dc"]):
        hero.end(_ENDED_BY_A_SAVE.get(ability, ""))
    elif ability in _AFTER_A_FAILED_SAVE:
        hero.put(_AFTER_A_FAILED_SAVE[ability])
    return result


def _health(table: Table, call: Call, chance: random.Random) -> Result:
    one = _somebody(table, call)
    result = results.health_changed(call, one.hp, one.max_hp)
    before, one.hp = one.hp, result.total
    if isinstance(one, Hero):
        if one.hp == 0 and before > 0:
            one.put(UNCONSCIOUS)
            table.fallen += 1
        elif one.hp > 0:
            one.end(UNCONSCIOUS)
    return result


def _inventory(table: Table, call: Call, chance: random.Random) -> Result:
    hero = _hero(table, str(call.arguments["character"]))
    item = str(call.arguments["item"])
    if call.arguments["action"] == "add":
        if len(item) > _LONGEST_ITEM:
            raise Refused(f"no thing has a name of more than {_LONGEST_ITEM} letters")
        if len(hero.items) >= MOST_ITEMS:
            raise Refused(f"{hero.name} cannot carry more than {MOST_ITEMS} things")
        hero.items.append(item)
    else:
        carried = hero.has(item)
        if carried is None:
            pack = ", ".join(hero.items) or "nothing"
            raise Refused(f"{hero.name} carries no {item}; the pack holds {pack}")
        hero.items.remove(carried)
        hero.end(_CURES.get(carried, ""))
    return results.inventory_changed(call)


def _spellcast(table: Table, call: Call, chance: random.Random) -> Result:
    hero = _acting(table, call)
    spell, level = str(call.arguments["spell"]).lower(), int(call.arguments["level"])
    if spell not in hero.spells:
        known = ", ".join(hero.spells) or "no spell"
        raise Refused(f"{hero.name} does not know {spell}; {hero.name} knows {known}")
    own = world.SPELLS[spell]
    if own == 0 and level > 0:
        raise Refused(f"{spell} is a cantrip; its level is 0")
    if level < own:
        raise Refused(f"{spell} is of level {own}, and cannot be cast at level {level}")
    if level:
        left = hero.slots.get(str(level), 0)
        if left == 0:
            raise Refused(f"{hero.name} has no slot of level {level} left")
        hero.slots[str(level)] = left - 1
    table.cast.append(spell)
    return results.spell_cast(call)


_RULES: dict[str, Callable[[Table, Call, random.Random], Result]] = {
    "roll": _roll,
    "check": _check,
    "save": _save,
    "health": _health,
    "inventory": _inventory,
    "spellcast": _spellcast,
}


def _hero(table: Table, name: str) -> Hero:
    found = table.hero(name)
    if found is None:
        party = ", ".join(hero.name for hero in table.party)
        raise Refused(f"there is no hero {name!r} at this table; there is {party}")
    return found


def _acting(table: Table, call: Call) -> Hero:
    hero = _hero(table, str(call.arguments["character"]))
    if not hero.awake:
        raise Refused(f"{hero.name} is unconscious and can do nothing")
    return hero


def _somebody(table: Table, call: Call) -> Hero | Foe:
    name = str(call.arguments["character"])
    found = table.hero(name) or table.foe(name)
    if found is None:
        known = [*(hero.name for hero in table.party), *(foe.name for foe in table.foes)]
        raise Refused(f"nobody is called {name!r} here; there is {', '.join(known)}")
    return found
