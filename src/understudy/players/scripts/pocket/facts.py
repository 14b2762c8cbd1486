"""What a good player of `pocket` knows by heart: names, maps, moves, types, prices.

Names and maps are read from the memory map beside the ROM. The numbers are those of the game's
rules; a test compares them with its source.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any, NamedTuple

from understudy.games.builtin.pocket import GAME_FILE

MENU = ("BAG", "PARTY", "CARD", "SAVE", "EXIT")
FIELD_ACTIONS = ("USE", "TOSS", "BACK")
BATTLE_ACTIONS = ("USE", "BACK")
CREATURE_ACTIONS = ("STATS", "SWITCH", "BACK")
COUNTER = ("BUY", "SELL", "EXIT")
ANSWERS = ("YES", "NO")
BATTLE_MENU = ("FIGHT", "BAG", "SWITCH", "RUN")

ROWS_OF_A_LIST = 6
"""How many entries of the bag, or of the shop's goods, are on the screen at once."""
MOST_AT_ONCE = 20
"""How many of a kind the shop sells at once."""

GOODS = (
    *("potion", "super_potion", "antidote", "wake_herb", "revive", "ether", "bell", "great_bell"),
    *("repel", "escape_rope"),
)
PRICES = {
    "potion": 100,
    "super_potion": 300,
    "antidote": 80,
    "wake_herb": 90,
    "revive": 600,
    "ether": 400,
    "bell": 120,
    "great_bell": 350,
    "repel": 150,
    "escape_rope": 200,
    "gold_nut": 1000,
}
HEALING = {"potion": 20, "super_potion": 50}
HEALING_ITEMS = ("potion", "super_potion", "antidote", "wake_herb", "revive")
INDOORS = frozenset(("home", "shop", "healer", "ada_house", "gym", "hill_house"))
BELLS = {"bell": 10, "great_bell": 18}


class MoveFacts(NamedTuple):
    """What a move does."""

    type: str
    power: int
    accuracy: int = 100
    effect: str = ""


class SpeciesFacts(NamedTuple):
    """What kind of creature a species is."""

    type: str
    catch_rate: int


MOVES = {
    "tackle": MoveFacts("plain", 40),
    "leaf_cut": MoveFacts("leaf", 45),
    "spark": MoveFacts("ember", 45),
    "jet": MoveFacts("tide", 45),
    "peck": MoveFacts("plain", 35),
    "sting": MoveFacts("leaf", 20, effect="poison"),
    "doze_dust": MoveFacts("leaf", 0, 80, effect="sleep"),
    "glare": MoveFacts("plain", 0, effect="weaken"),
    "harden": MoveFacts("plain", 0, effect="harden"),
    "stone_toss": MoveFacts("stone", 50, 90),
    "sip": MoveFacts("leaf", 30, effect="drain"),
    "blaze": MoveFacts("ember", 70, 85),
    "wave": MoveFacts("tide", 70, 90),
    "bramble": MoveFacts("leaf", 65, 90),
}
SPECIES = {
    "mosskit": SpeciesFacts("leaf", 90),
    "kindlet": SpeciesFacts("ember", 120),
    "puddlo": SpeciesFacts("tide", 120),
    "wrenlet": SpeciesFacts("plain", 200),
    "burdrig": SpeciesFacts("plain", 200),
    "thistlow": SpeciesFacts("leaf", 180),
    "glimoth": SpeciesFacts("ember", 150),
    "cragum": SpeciesFacts("stone", 130),
    "fernox": SpeciesFacts("leaf", 60),
}
STRONG = {
    ("leaf", "tide"),
    ("leaf", "stone"),
    ("ember", "leaf"),
    ("tide", "ember"),
    ("tide", "stone"),
    ("stone", "ember"),
}
"""Type of a move and of the creature that it hits twice as hard."""
WEAK = {
    ("plain", "stone"),
    ("leaf", "leaf"),
    ("leaf", "ember"),
    ("ember", "ember"),
    ("ember", "tide"),
    ("tide", "leaf"),
    ("tide", "tide"),
}
"""The same for half as hard."""


@cache
def memory_map() -> dict[str, Any]:
    """The memory map's file."""
    return tomllib.loads(GAME_FILE.with_name("pocket.toml").read_text(encoding="utf-8"))


@cache
def label(table: str, word: str) -> str:
    """How the screen spells ``word`` of ``table``."""
    known = memory_map()
    return str(known["labels"][table][known["tables"][table].index(word)])


@cache
def person(name: str) -> str:
    """What a person, or a sign, is called."""
    if name in ("mother", "clerk", "nurse", "guide") or name.endswith("_sign"):
        return f"the {name.replace('_', ' ')}"
    return "OLD TAM" if name == "tam" else name.upper()


@cache
def place(name: str) -> str:
    """A map by the name that people use for it."""
    if name == "healer":
        return "the healer's house"
    words = label("map", name)
    return f"the {words}" if name in ("shop", "gym", "hill_house") else words


@cache
def inside(name: str) -> str:
    """On which map somebody is: ``"in WILLOW TOWN"``."""
    where = {"home": "at", "reed_path": "on", "fern_hill": "on"}.get(name, "in")
    return f"{where} {place(name)}"
