"""Who and what a generated scenario is about: the values, and which of them it may use."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from understudy.chat.scenarios import world
from understudy.chat.scenarios.generating import grammar
from understudy.chat.scenarios.scenario import PartyMember

_STUFF = 0.15
"""The share of described items that are so much of something: "jar of honey"."""
_BARE = 0.35
"""The share that is a thing alone."""


@dataclass(frozen=True)
class Values:
    """What a scenario may name. ``made_up`` is the share of heroes with a made-up name."""

    names: Sequence[str] = world.NAMES
    items: Sequence[str] = world.ITEMS
    spells: dict[str, int] = field(default_factory=lambda: world.SPELLS)
    made_up: float = 0.0
    held_out_syllables: bool = False
    described_items: float = 0.0
    """The share of items that stand in no list of the world: "rusty key", "sextant"."""
    adorned: float = 0.0
    """The share of items that are spoken of with a word more: "her last candle" is a candle."""
    own_level: float = 0.0
    """The share of castings whose level is not told, so that it is the spell's own."""
    wider_wordings: bool = False
    """Whether those of ``wider.txt`` are drawn too: the base reads them, no case asks for them."""

    def name(self, rng: random.Random, taken: set[str]) -> str:
        """A name that nobody in ``taken`` has."""
        while True:
            if rng.random() < self.made_up:
                name = world.made_up_name(rng, held_out=self.held_out_syllables)
            else:
                name = rng.choice(self.names)
            if name not in taken:
                return name

    def item(self, rng: random.Random) -> str:
        if rng.random() >= self.described_items:
            return rng.choice(self.items)
        while True:
            item = _described(rng)
            if item not in world.HELD_OUT_ITEMS:
                return item

    def spell(self, rng: random.Random) -> tuple[str, int]:
        """A spell and its own level."""
        return rng.choice(list(self.spells.items()))


def _described(rng: random.Random) -> str:
    things = {heading: lines[0].split("|") for heading, lines in grammar.table("things").items()}
    if rng.random() < _STUFF:
        return rng.choice(things["stuff"])
    thing = rng.choice(things["thing"])
    return thing if rng.random() < _BARE else f"{rng.choice(things['kind'])} {thing}"


TRAINING = Values(made_up=0.4, described_items=0.5, adorned=0.08, own_level=0.12)
SEEN = Values()
HELD_OUT = Values(
    names=world.HELD_OUT_NAMES, items=world.HELD_OUT_ITEMS, spells=world.HELD_OUT_SPELLS
)
MADE_UP = Values(made_up=1.0, held_out_syllables=True)


def party(rng: random.Random, values: Values, size: int) -> tuple[PartyMember, ...]:
    """``size`` heroes with different names."""
    taken: set[str] = set()
    members = []
    for _ in range(size):
        name = values.name(rng, taken)
        taken.add(name)
        most = rng.randint(6, 60)
        members.append(
            PartyMember(
                name=name,
                race=rng.choice(world.RACES),
                class_name=rng.choice(world.CLASSES),
                level=rng.randint(1, 12),
                hit_points=most if rng.random() < 0.4 else rng.randint(1, most),
                most_hit_points=most,
            )
        )
    return tuple(members)
