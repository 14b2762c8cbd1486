"""Heroes and foes: what the party sheet says of them, and what follows from it by the rules.

The arithmetic is that of the System Reference Document: ability modifiers, the bonus of a level,
and double bonus for what a hero is an expert in.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.chat.scenarios.scenario import PartyMember
from understudy.chat.tools.dice import parse_dice
from understudy.chat.tools.registry import ABILITIES

SKILL_ABILITIES = {
    "acrobatics": "dexterity",
    "animal handling": "wisdom",
    "arcana": "intelligence",
    "athletics": "strength",
    "deception": "charisma",
    "history": "intelligence",
    "insight": "wisdom",
    "intimidation": "charisma",
    "investigation": "intelligence",
    "medicine": "wisdom",
    "nature": "intelligence",
    "perception": "wisdom",
    "performance": "charisma",
    "persuasion": "charisma",
    "religion": "intelligence",
    "sleight of hand": "dexterity",
    "stealth": "dexterity",
    "survival": "wisdom",
    "initiative": "dexterity",
}
UNCONSCIOUS, POISONED, FRIGHTENED, PRONE = "unconscious", "poisoned", "frightened", "prone"
HINDRANCES = (POISONED, FRIGHTENED)
"""Conditions in which attacks and checks are thrown twice, and the worse one counts."""


class Attack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A weapon: the bonus to hit, and the dice of its damage."""

    weapon: str
    bonus: int
    damage: str

    def __post_init__(self) -> None:
        """ValueError for damage that is no dice."""
        parse_dice(self.damage)

    def __str__(self) -> str:
        return f"{self.weapon} {self.bonus:+d}, {self.damage}"


class Hero(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A hero of the party as things stand now."""

    name: str
    race: str
    class_name: str
    level: int
    hp: int
    max_hp: int
    armour_class: int
    abilities: dict[str, int]
    proficient: list[str] = []
    """Skills and saves that the level's bonus is added to."""
    expert: list[str] = []
    """Those it is added to twice."""
    attack: Attack
    items: list[str] = []
    spells: list[str] = []
    slots: dict[str, int] = {}
    """Level of a spell, as a word of the JSON → slots left."""
    conditions: list[str] = []

    @property
    def awake(self) -> bool:
        return UNCONSCIOUS not in self.conditions

    @property
    def hindered(self) -> bool:
        return any(one in self.conditions for one in HINDRANCES)

    @property
    def proficiency(self) -> int:
        """The bonus of the level: 2 at the first, one more every four levels."""
        return 2 + (self.level - 1) // 4

    def modifier(self, skill: str) -> int:
        """What is added to a check of a skill or ability."""
        score = self.abilities[SKILL_ABILITIES.get(skill, skill)]
        times = (
            2 if skill in self.expert else int(skill in self.proficient and skill not in ABILITIES)
        )
        return (score - 10) // 2 + times * self.proficiency

    def save_modifier(self, ability: str) -> int:
        """What is added to a saving throw."""
        bonus = self.proficiency if ability in self.proficient else 0
        return (self.abilities[ability] - 10) // 2 + bonus

    def put(self, condition: str) -> None:
        if condition not in self.conditions:
            self.conditions.append(condition)

    def end(self, condition: str) -> None:
        if condition in self.conditions:
            self.conditions.remove(condition)

    def has(self, item: str) -> str | None:
        """The thing among the hero's that ``item`` means, in any case."""
        wanted = item.casefold()
        return next((one for one in self.items if one.casefold() == wanted), None)

    def sheet(self) -> PartyMember:
        """The line of the party sheet."""
        return PartyMember(
            name=self.name,
            race=self.race,
            class_name=self.class_name,
            level=self.level,
            hit_points=self.hp,
            most_hit_points=self.max_hp,
        )

    def facts(self) -> dict[str, Any]:
        """What of a hero changes while it is played, as the game's memory has it."""
        return {
            "hp": self.hp,
            "max_hp": self.max_hp,
            "items": list(self.items),
            "slots": dict(self.slots),
            "conditions": list(self.conditions),
        }


class Foe(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Somebody to fight with."""

    name: str
    place: str
    hp: int
    max_hp: int
    armour_class: int
    attack: Attack

    @property
    def beaten(self) -> bool:
        return self.hp == 0
