"""The script of `tavern`: what has to be said so that each task is done.

A plan looks at the table as it is now and says what is wanted next; how that is put into words is
the business of `tavern_words`. Where the dice decide, the plan tries again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from understudy.errors import PlayerError
from understudy.games.game import SAY, Action, Game
from understudy.games.task import Task
from understudy.players.script import GameScript, Move
from understudy.players.scripts.tavern_words import Want, reason, spoken

Memory = Mapping[str, Any]
Plan = Callable[[Memory], Want]
COMMON, CELLAR, UPSTAIRS, YARD, ROAD = "common room", "cellar", "upstairs room", "yard", "road"
_WOUNDED = 0.4
"""Of the hit points: below that somebody is healed before the fight goes on."""


class TavernScript(GameScript):
    """Does the tasks of the tavern, in plain words."""

    def __init__(self, game: Game, task: Task) -> None:
        """PlayerError for a task that it has no plan for."""
        super().__init__(game, task)
        plan = _PLANS.get(task.id)
        if plan is None:
            raise PlayerError(
                f"the script of {game.name!r} has no plan for the task {task.id!r}; choose another "
                "player, or one of the tasks that come with the game"
            )
        self._plan = plan

    def want(self, memory: Memory) -> Want:
        """What is to be done next."""
        return self._plan(memory)

    def next_move(self, memory: Memory) -> Move:
        """What the plan says, in plain words that change from turn to turn."""
        want = self.want(memory)
        return Move(Action(SAY, spoken(want, "plain", memory["turns"])), *reason(want))

    def slip(self, memory: Memory, right: Move, chance: random.Random) -> Move:
        """Talk that leads nowhere."""
        want = chance.choice(_IDLE)
        return Move(Action(SAY, spoken(want, "plain", chance.randrange(9))), *reason(want))


def healing(memory: Memory, name: str) -> Want:
    """A spell for somebody while there are slots, then a potion."""
    slots = memory["party"]["sela"]["slots"]
    level = next((level for level in ("1", "2") if slots.get(level)), "")
    awake = "unconscious" not in memory["party"]["sela"]["conditions"]
    if level and awake:
        return Want("heal", hero="Sela", other=name, level=int(level))
    carrier = _carrier(memory, "healing potion")
    if carrier == name:
        return Want("drink", hero=name, item="healing potion")
    if carrier:
        return Want("give", hero=carrier, other=name, item="healing potion")
    return _at(memory, COMMON) or Want("buy", hero=name, item="healing potion")


def fight(memory: Memory, foe: str, place: str) -> Want:
    """Blow after blow by whoever stands best; the wounded are healed in between."""
    party = memory["party"]
    for name, hero in party.items():
        if hero["hp"] < _WOUNDED * hero["max_hp"]:
            return healing(memory, name.title())
    fighter = max(("borin", "mira"), key=lambda name: party[name]["hp"])
    return _at(memory, place) or Want("attack", hero=fighter.title(), foe=foe)


def _buy_rope(memory: Memory) -> Want:
    if _carrier(memory, "rope"):
        return Want("go", place=ROAD)
    return _at(memory, COMMON) or Want("buy", hero="Mira", item="rope")


def _pack(memory: Memory) -> Want:
    for item in ("rope", "torch", "waterskin"):
        carrier = _carrier(memory, item)
        if not carrier:
            return _at(memory, COMMON) or Want("buy", hero="Borin", item=item)
        if carrier != "Borin":
            return Want("give", hero=carrier, other="Borin", item=item)
    return Want("wait")


def _cure(memory: Memory) -> Want:
    if _carrier(memory, "antidote") == "Borin":
        return Want("drink", hero="Borin", item="antidote")
    return _at(memory, COMMON) or Want("buy", hero="Borin", item="antidote")


def _room(memory: Memory) -> Want:
    return _at(memory, COMMON) or Want("persuade", hero="Sela")


def _key(memory: Memory) -> Want:
    return _at(memory, COMMON) or Want("steal", hero="Mira", item="iron key")


def _ring(memory: Memory) -> Want:
    return _search(memory, CELLAR, "perception", "look in the water", "silver ring")


def _emerald(memory: Memory) -> Want:
    return _search(memory, UPSTAIRS, "investigation", "search the board", "emerald")


def _search(memory: Memory, place: str, skill: str, kind: str, item: str) -> Want:
    """Every second time what may have been found is taken: who found it is not in the memory."""
    looked = memory["best"].get(skill, 0) >= 12 and memory["turns"] % 2 == 0
    there = _at(memory, place)
    if there:
        return there
    return Want("take", hero="Mira", item=item) if looked else Want(kind, hero="Mira")


def _runes(memory: Memory) -> Want:
    return _at(memory, COMMON) or Want("read the runes", hero="Mira")


def _past(memory: Memory) -> Want:
    return _at(memory, YARD) or Want("sneak past", hero="Mira")


def _at(memory: Memory, place: str) -> Want | None:
    return None if memory["place"] == place else Want("go", place=place)


def _carrier(memory: Memory, item: str) -> str:
    """The hero who carries a thing; empty when nobody does."""
    return next(
        (name.title() for name, hero in memory["party"].items() if item in hero["items"]), ""
    )


_PLANS: dict[str, Plan] = {
    "buy-rope": _buy_rope,
    "lantern-for-borin": lambda _: Want("give", hero="Mira", other="Borin", item="lantern"),
    "pack-for-the-road": _pack,
    "heal-mira": lambda memory: healing(memory, "Mira"),
    "wake-borin": lambda memory: healing(memory, "Borin"),
    "cure-the-poison": _cure,
    "bless-the-party": lambda _: Want("bless", hero="Sela", level=1),
    "kill-the-rat": lambda memory: fight(memory, "giant rat", CELLAR),
    "beat-the-brawler": lambda memory: fight(memory, "brawler", YARD),
    "room-for-the-night": _room,
    "the-guards-key": _key,
    "ring-in-the-water": _ring,
    "emerald": _emerald,
    "read-the-runes": _runes,
    "past-the-brawler": _past,
}
_IDLE = (Want("ask for news"), Want("joke", hero="Borin"), Want("wait"))
