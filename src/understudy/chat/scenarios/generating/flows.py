"""Exchanges in which one call leads to the next: a hit to its damage, dice of healing to health.

What the tools answer is what the next call follows from, so the numbers are copied from there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from understudy.chat.scenarios.generating import grammar
from understudy.chat.scenarios.generating.cast import Values
from understudy.chat.scenarios.generating.deeds import Actor, Scene
from understudy.chat.scenarios.scenario import Turn
from understudy.chat.tools.bracket import write_turn
from understudy.chat.tools.registry import TOOLS, Call

_HIT = 11
"""An attack of this or more hits here, where nobody has told an armour class."""
_HEALING = ("cure wounds", "healing word")


def flow(rng: random.Random, scene: Scene, values: Values) -> list[Turn]:
    """The turns of a fight, a healing, a potion drunk, or a thing that changes hands."""
    kinds = [_fight, _fight, _potion]
    if scene.sheet and len(scene.party) > 1:
        kinds += [_healing, _passing]
    return rng.choice(kinds)(rng, Actor(rng, scene, named=True), values)


def _fight(rng: random.Random, actor: Actor, values: Values) -> list[Turn]:
    bonus, plus = rng.randint(1, 9), rng.randint(0, 5)
    attack = f"1d20+{bonus}"
    damage = f"{rng.randint(1, 4)}d{rng.choice((4, 6, 8, 10, 12))}" + (f"+{plus}" if plus else "")
    line = rng.choice(grammar.table("flows")["attack"])
    foe = grammar.expand("{foe}", rng)
    fill = {"foe": foe, "bonus": f"+{bonus}", "Bonus": f"+{bonus}", "damage": damage}
    words = _words(rng, line, actor, fill)
    turns = [Turn("user", words), _dm(rng, "roll", {"dice": attack}, [("roll", attack)])]
    thrown = rng.randint(1, 20)
    turns.append(Turn("tool", f"{attack}: {thrown} + {bonus}(bonus) = *{thrown + bonus}*"))
    hits = thrown + bonus >= _HIT
    said = grammar.table("flows")["hit" if hits else "miss"]
    told = grammar.expand(rng.choice(said), rng, {"n": str(thrown + bonus)})
    if not hits:
        return [*turns, Turn("dm", told)]
    turns.append(_dm(rng, "roll", {"dice": damage}, [("roll", damage)], before=told))
    total = _total(rng, damage)
    turns.append(Turn("tool", _result(damage, total, plus)))
    hurt = actor.name if line.startswith("{foe}") else foe.removeprefix("the ")
    shown = hurt if hurt == actor.name else foe
    possessive = f"{shown}'s"
    fill = {"W": shown, "Wp": possessive, "Wp_cap": possessive[0].upper() + possessive[1:]}
    fill["n"] = str(total)
    turns.append(_dm(rng, "hurt", fill, [("health", hurt, f"-{total}")]))
    return turns


def _healing(rng: random.Random, actor: Actor, values: Values) -> list[Turn]:
    spell, level, plus = rng.choice(_HEALING), rng.randint(1, 4), rng.randint(1, 5)
    heals = f"{level}d{rng.choice((4, 8))}+{plus}"
    other = actor.fill["other"]
    fill = {"spell": spell, "l": str(level), "heals": heals}
    words = _words(rng, rng.choice(grammar.table("flows")["heals"]), actor, fill)
    calls = [("spellcast", actor.name, spell, level), ("roll", heals)]
    total = _total(rng, heals)
    results = f"{actor.name}: {spell}, level {level}\n{_result(heals, total, plus)}"
    healed = {"W": other, "Wp": f"{other}'s", "Wp_cap": f"{other}'s", "n": str(total)}
    return [
        Turn("user", words),
        _dm(rng, "spellcast", {**actor.answer_fill, **fill}, calls),
        Turn("tool", results),
        _dm(rng, "healed", healed, [("health", other, f"+{total}")]),
    ]


def _potion(rng: random.Random, actor: Actor, values: Values) -> list[Turn]:
    item, number = "healing potion", rng.randint(2, 14)
    fill = {"item": item, "n": str(number)}
    words = _words(rng, rng.choice(grammar.table("flows")["potion"]), actor, fill)
    calls = [("inventory", actor.name, "remove", item), ("health", actor.name, f"+{number}")]
    return [Turn("user", words), _dm(rng, "remove", {**actor.answer_fill, **fill}, calls)]


def _passing(rng: random.Random, actor: Actor, values: Values) -> list[Turn]:
    item = values.item(rng)
    words = _words(rng, rng.choice(grammar.table("flows")["passes"]), actor, {"item": item})
    calls = [
        ("inventory", actor.name, "remove", item),
        ("inventory", actor.fill["other"], "add", item),
    ]
    return [
        Turn("user", words),
        _dm(rng, "remove", {**actor.answer_fill, "item": item}, calls),
    ]


def _words(rng: random.Random, line: str, actor: Actor, fill: dict[str, str]) -> str:
    return grammar.sentence(grammar.expand(line, rng, actor.fill | fill, actor.verb))


def _dm(
    rng: random.Random,
    answer: str,
    fill: dict[str, str],
    calls: Sequence[tuple[str | int, ...]],
    before: str = "",
) -> Turn:
    verb = grammar.second_person if fill.get("W") == "you" else grammar.third_person
    said = grammar.expand(rng.choice(grammar.table("answers")[answer]), rng, fill, verb)
    made: list[Call] = [TOOLS.call(str(tool), *values) for tool, *values in calls]
    return Turn("dm", write_turn(f"{before} {grammar.sentence(said)}".strip(), made))


def _total(rng: random.Random, dice: str) -> int:
    count, sides, plus = map(int, re.findall(r"\d+", dice + ("" if "+" in dice else "+0")))
    return sum(rng.randint(1, sides) for _ in range(count)) + plus


def _result(dice: str, total: int, plus: int) -> str:
    if not plus:
        return f"{dice}: {total} = *{total}*"
    return f"{dice}: {total - plus} + {plus}(bonus) = *{total}*"
