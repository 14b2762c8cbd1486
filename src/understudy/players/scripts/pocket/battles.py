"""Goals of battle: winning, catching, and single things that are to be done in a turn.

Each of them finds a wild creature in an ``area`` of the world by itself when no battle is on.
"""

from __future__ import annotations

from collections.abc import Callable

from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.fighting import carry_out
from understudy.players.scripts.pocket.goals import Goal, InOrder, Test, Unless, at_least
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.shop import Buy
from understudy.players.scripts.pocket.tactics import (
    Attack,
    Intent,
    Run,
    SendOut,
    UseItem,
    catch,
    fight,
)
from understudy.players.scripts.pocket.walking import TalkTo, Wander

Tactic = Callable[[Now], Intent]

_WANTED = "because that is the task"


class InBattle(Goal):
    """Playing turns by a tactic until a test holds; outside of battle, working on another goal."""

    def __init__(self, tactic: Tactic, until: Test, aim: str, outside: Goal) -> None:
        self._tactic = tactic
        self._until = until
        self._aim = aim
        self._outside = outside

    def next(self, now: Now) -> Move | None:
        if self._until(now):
            return None
        if now.fighting:
            return carry_out(now, self._tactic(now), self._aim)
        return self._outside.next(now)


def beat(trainer: str) -> Goal:
    """Having beaten a trainer."""
    name = facts.label("trainer", trainer)

    def beaten(now: Now) -> bool:
        return bool(now["beaten"][trainer])

    def tactic(now: Now) -> Intent:
        if now.battle["kind"] == "wild" and now.own["hp"]:
            return Run("because strength is needed for the trainer")
        return fight(now)

    return InBattle(tactic, beaten, f"beat {name}", TalkTo(trainer, beaten, f"challenge {name}"))


def meet(area: str) -> Goal:
    """Being in a battle with a wild creature, at its menu."""
    aim = "see which creature it is"
    return InBattle(fight, lambda now: now.mode == "battle_menu", aim, Wander(area, aim))


def win(times: int, area: str) -> Goal:
    """Having won so many battles."""
    aim = "win against a wild creature"
    return InBattle(fight, at_least("battles_won", times), aim, Wander(area, aim))


def grow(species: str, level: int, area: str) -> Goal:
    """A creature having reached a level, by winning battles."""
    aim = f"let {facts.label('species', species)} grow to level {level}"

    def grown(now: Now) -> bool:
        place = now.find(species)
        return place is not None and bool(now.team[place]["level"] >= level)

    return InBattle(fight, grown, aim, Wander(area, aim))


def catch_one(area: str, bell: str = "bell") -> Goal:
    """Having caught a creature with a bell of a kind, bought anew when they run out."""
    aim = "catch a wild creature"
    supplied = Unless(lambda now: now.count(bell) > 0, Buy(bell, 3))
    outside = InOrder(supplied, Wander(area, aim))
    return InBattle(lambda now: catch(now, bell), at_least("catches", 1), aim, outside)


def run_away(area: str) -> Goal:
    """Having run away from a battle."""
    aim = "run away"
    return InBattle(lambda now: Run(_WANTED), at_least("battles_fled", 1), aim, Wander(area, aim))


def use_move(move: str, until: Test, area: str) -> Goal:
    """Using a move in battle until a test holds."""
    aim = f"use {facts.label('move', move)}"

    def tactic(now: Now) -> Intent:
        moves = now.own["moves"]
        if now.own["hp"] == 0 or move not in moves or not now.own["pp"][moves.index(move)]:
            return fight(now)
        return Attack(moves.index(move), _WANTED)

    return InBattle(tactic, until, aim, Wander(area, aim))


def use_item(item: str, until: Test, area: str) -> Goal:
    """Using an item in battle, on the creature that is out, until a test holds."""
    aim = f"use {facts.label('item', item)}"

    def tactic(now: Now) -> Intent:
        if now.own["hp"] == 0 or not now.count(item):
            return fight(now)
        return UseItem(item, now.battle["active"], _WANTED)

    return InBattle(tactic, until, aim, Wander(area, aim))


def send_out(species: str, area: str) -> Goal:
    """A creature being out in battle."""
    aim = f"send out {facts.label('species', species)}"

    def out(now: Now) -> bool:
        return now.mode == "battle_menu" and bool(now.own["species"] == species)

    def tactic(now: Now) -> Intent:
        place = now.find(species)
        if place is None or not now.team[place]["hp"]:
            return fight(now)
        return SendOut(place, _WANTED)

    return InBattle(tactic, out, aim, Wander(area, aim))
