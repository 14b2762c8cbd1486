"""What an adventurer's words ask for, as far as a machine can tell without a language model.

The game uses it to know where the party goes, which is the party's own decision; the scripted
Dungeon Master for everything else. One turn is one deed: what is said first counts.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from understudy.chat.scenarios import house_rules, world
from understudy.games.builtin.tavern.content import Content, Place
from understudy.games.builtin.tavern.hero import Hero
from understudy.games.builtin.tavern.table import Table

Kind = Literal["attack", "cast", "use", "give", "take", "drop", "check", "talk"]

_GOES = re.compile(
    r"\b(?:go|goes|going|walk|walks|head|heads|step|steps|climb|climbs|descend|descends|enter|"
    r"enters|return|returns|sneak|sneaks|creep|creeps|slip|slips|run|runs|move|moves|leave|leaves|"
    r"leaving|hurry|hurries|follow|follows|tiptoe|tiptoes)\b"
)
_ATTACKS = re.compile(
    r"\b(?:attack|strike|hit|stab|swing|slash|smash|shoot|fight|punch|kick|charge)(?:e?s)?\b"
)
_CASTS = re.compile(r"\b(?:casts?|casting|conjures?|speaks? the words|prays? for)\b")
_USES = re.compile(r"\b(?:drinks?|uses?|swallows?|takes? a sip of|downs?|pours?)\b")
_GIVES = re.compile(r"\b(?:gives?|hands?|pass(?:es)?|offers?|lends?|throws?)\b")
_TAKES = re.compile(
    r"\b(?:takes?|buys?|gets?|picks? up|grabs?|pockets?|orders?|fetch(?:es)?|pays? for|purchases?|"
    r"collects?|accepts?)\b"
)
_DROPS = re.compile(r"\b(?:drops?|sells?|throws? away|leaves? behind|puts? down)\b")
_LEVEL = re.compile(r"\b(?:level|lvl) (\d)\b|\b(first|second)[- ]level\b")
_ORDINALS = {"first": 1, "second": 2}
_TO = (
    r"(?:to|for|on|upon|at|with|from|of|by|beside|behind|heals?|healing|mends?|wakes?|bless(?:es)?)"
)
_SENTENCE = re.compile(r"[^.!?]+[.!?]?")


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, by whom, with what."""

    kind: Kind
    hero: str
    other: str = ""
    """The hero that it is done to or for."""
    item: str = ""
    spell: str = ""
    level: int = 0
    foe: str = ""
    skill: str = ""


def destination(words: str, content: Content) -> str:
    """The place that the party goes to with these words; empty where it stays."""
    for sentence in _SENTENCE.findall(words.lower()):
        if sentence.endswith("?") or not _GOES.search(sentence):
            continue
        found = _place_in(sentence, content)
        if found is not None:
            return found.name
    return ""


def understand(words: str, table: Table, content: Content, found: tuple[str, ...]) -> Deed:
    """The deed that ``words`` ask for; ``found`` are things that have come to light here."""
    small = words.lower()
    hero = _actor(words, table)
    other = _other(words, table, hero)
    spell = next((one for one in _longest_first(_spells()) if one in small), "")
    if spell and (_CASTS.search(small) or spell in hero.spells):
        foe = next((one.name for one in table.foes_here() if one.name in small), "")
        level = max(_level(small), world.SPELLS.get(spell, 0))
        return Deed(kind="cast", hero=hero.name, other=other, spell=spell, level=level, foe=foe)
    foes = [one.name for one in table.foes_here()]
    if foes and _ATTACKS.search(small):
        foe = next((name for name in foes if name in small), foes[0])
        return Deed(kind="attack", hero=hero.name, foe=foe)
    carried = _item_in(small, [item for one in table.party for item in one.items])
    own = _item_in(small, hero.items)
    if own and _USES.search(small) and own in ("healing potion", "antidote"):
        return Deed(kind="use", hero=hero.name, other=other, item=own)
    if carried and other and _GIVES.search(small):
        giver = hero if hero.has(carried) else _owner(table, carried)
        return Deed(kind="give", hero=giver.name, other=other, item=carried)
    skill = _skill(small)
    place = content.place(table.place)
    there = (*place.for_sale, *place.things, *found)
    wanted = _item_in(small, there)
    tries = any(skill in one.skills for one in content.about(table.place, small))
    if wanted and _TAKES.search(small) and not (skill and tries and wanted not in found):
        taker = _receiver(words, table) or hero
        return Deed(kind="take", hero=taker.name, item=wanted)
    if own and _DROPS.search(small):
        return Deed(kind="drop", hero=hero.name, item=own)
    if skill and not (small.rstrip().endswith("?") and not tries):
        return Deed(kind="check", hero=hero.name, skill=skill)
    return Deed(kind="talk", hero=hero.name)


def _place_in(sentence: str, content: Content) -> Place | None:
    """The place named in ``sentence``, the longest name first, so that no part of one counts."""
    names = [(name, place) for place in content.places for name in (place.name, *place.also)]
    for name, place in sorted(names, key=lambda pair: -len(pair[0])):
        if re.search(rf"\b{re.escape(name)}\b", sentence):
            return place
    return None


def _actor(words: str, table: Table) -> Hero:
    """The hero named first, unless something is done to or for that one; else the speaker."""
    names = "|".join(re.escape(hero.name) for hero in table.party)
    for match in re.finditer(rf"\b({names})\b(?!['’]s)", words):
        before = words[: match.start()].lower().rstrip()
        if not re.search(rf"\b{_TO}(?: the| an?)?$", before):
            found = table.hero(match[1])
            if found is not None:
                return found
    speaker = table.hero(table.speaker)
    return speaker if speaker is not None else table.party[0]


def _other(words: str, table: Table, hero: Hero) -> str:
    """The hero, beside the one who acts, that the words name; the last of several."""
    named = [one.name for one in table.party if re.search(rf"\b{re.escape(one.name)}\b", words)]
    others = [name for name in named if name != hero.name]
    return max(others, key=words.rfind) if others else ""


def _receiver(words: str, table: Table) -> Hero | None:
    """Whom a thing is taken for: "a rope for Borin"."""
    for hero in table.party:
        if re.search(rf"\bfor {re.escape(hero.name)}\b", words):
            return hero
    return None


def _owner(table: Table, item: str) -> Hero:
    return next(hero for hero in table.party if hero.has(item))


def _item_in(small: str, items: tuple[str, ...] | list[str]) -> str:
    return next(
        (one for one in _longest_first(items) if re.search(rf"\b{re.escape(one)}\b", small)), ""
    )


def _longest_first(names: tuple[str, ...] | list[str]) -> list[str]:
    return sorted(dict.fromkeys(names), key=len, reverse=True)


def _spells() -> list[str]:
    return [*world.SPELLS, *world.HELD_OUT_SPELLS]


def _level(small: str) -> int:
    found = _LEVEL.search(small)
    if found is None:
        return 0
    return int(found[1]) if found[1] else _ORDINALS[found[2]]


def _skill(small: str) -> str:
    """The check that the house rules call for: of several that could be meant, the first named."""
    for rule in house_rules.CHECKS:
        if re.search(rf"\b{re.escape(rule.value)}\b", small):
            return rule.value
    told = house_rules.deeds_told(small)
    return next((rule.value for rule in house_rules.CHECKS if rule.value in told), "")
