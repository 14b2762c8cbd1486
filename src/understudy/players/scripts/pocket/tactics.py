"""What to do in a turn of battle: the choice alone, by what can be seen of both sides.

Damage is reckoned as the game reckons it (games/pocket/src/battle_turn.c), with the lowest and the
highest draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.now import Now

Creature = Mapping[str, Any]

_UNCHANGED = 6
_LOWEST, _HIGHEST, _WHOLE = 217, 255, 255
_GOOD_CHANCE = 0.6
"""A bell that works this often is rung at once."""


class Intent:
    """What is wanted of this turn; ``why`` finishes the sentence "do it …"."""


@dataclass(frozen=True)
class Attack(Intent):
    """Use a move, by its place among the moves of the creature that is out."""

    move: int
    why: str


@dataclass(frozen=True)
class UseItem(Intent):
    """Use an item of the bag, on a place of the party where it needs one."""

    item: str
    on: int
    why: str


@dataclass(frozen=True)
class SendOut(Intent):
    """Send out another creature of the party."""

    place: int
    why: str


@dataclass(frozen=True)
class Run(Intent):
    """Run away."""

    why: str


class Blow(NamedTuple):
    """What a move would do."""

    move: int
    lowest: int
    highest: int
    mean: float
    """With its accuracy."""


def fight(now: Now) -> Intent:
    """The turn that leads to victory, as far as one turn shows."""
    own, enemy = now.own, now.enemy
    if own["hp"] == 0:
        return SendOut(best_fighter(now), "because it does best against this enemy")
    blow = best_blow(now, own)
    threat = _threat(now, own)
    first = own["speed"] >= enemy["speed"]
    if blow and blow.lowest >= enemy["hp"] and first and own["status"] != "sleep":
        return Attack(blow.move, _words_for(now, blow, "it is enough to win"))
    if own["status"] == "sleep" and now.count("wake_herb"):
        return UseItem("wake_herb", now.battle["active"], "to wake it up")
    if own["hp"] <= threat:
        item = _healing(now, own, threat)
        if item:
            return UseItem(item, now.battle["active"], "because the next hit could be the last")
    other = _better_fighter(now, blow)
    if other is not None:
        return SendOut(other, "because it does far better against this enemy")
    if blow is None:
        return Attack(0, "because no move is any good here")
    return Attack(blow.move, _words_for(now, blow, "it is the hardest hit there is"))


def catch(now: Now, bell: str) -> Intent:
    """The turn that leads to catching the wild creature with a bell of this kind."""
    own, enemy = now.own, now.enemy
    if own["hp"] == 0:
        return SendOut(best_fighter(now), "to go on")
    if not now.count(bell):
        return Run("because there is no bell left")
    ring = UseItem(bell, 0, "to catch the creature while it is weak")
    if catch_chance(enemy, bell) >= _GOOD_CHANCE or enemy["status"] == "sleep":
        return ring
    safe = [blow for blow in _blows(now, own) if 0 < blow.highest < enemy["hp"]]
    if not safe or own["hp"] <= _threat(now, own):
        return ring
    blow = max(safe, key=lambda one: one.mean)
    return Attack(
        blow.move, "because a weaker creature is easier to catch, and this does not beat it"
    )


def catch_chance(enemy: Creature, bell: str) -> float:
    """How likely a bell works, 0 to 1."""
    chance: int = facts.SPECIES[enemy["species"]].catch_rate * facts.BELLS[bell] // 10
    chance -= chance // 2 * enemy["hp"] // enemy["max_hp"]
    return min(1.0, (chance + (40 if enemy["status"] != "ok" else 0)) / 256)


def best_blow(now: Now, own: Creature) -> Blow | None:
    """The move of ``own`` that does most to the enemy; None when none does anything."""
    blows = [blow for blow in _blows(now, own) if blow.mean > 0]
    return max(blows, key=lambda one: min(one.mean, now.enemy["hp"]), default=None)


def _blows(now: Now, own: Creature) -> list[Blow]:
    out = own is now.own
    stages = (now.battle["own_attack"] if out else _UNCHANGED, now.battle["enemy_defense"])
    found = []
    for index, move in enumerate(own["moves"]):
        if move == "none" or not own["pp"][index]:
            continue
        low, high = (_damage(own, now.enemy, move, stages, roll) for roll in (_LOWEST, _HIGHEST))
        found.append(Blow(index, low, high, (low + high) / 2 * facts.MOVES[move].accuracy / 100))
    return found


def _threat(now: Now, own: Creature) -> int:
    """The most that the enemy's next hit can take."""
    out = own is now.own
    stages = (now.battle["enemy_attack"], now.battle["own_defense"] if out else _UNCHANGED)
    moves = [move for move in now.enemy["moves"] if move != "none"]
    return max(_damage(now.enemy, own, move, stages, _HIGHEST) for move in moves)


def _damage(
    mover: Creature, target: Creature, move: str, stages: tuple[int, int], roll: int
) -> int:
    known = facts.MOVES[move]
    if not known.power:
        return 0
    damage: int = (2 * mover["level"] // 5 + 2) * known.power // 4
    attack = mover["attack"] * stages[0] // _UNCHANGED
    defense = max(1, target["defense"] * stages[1] // _UNCHANGED)
    damage = damage * attack // defense * 2 // 25 + 2
    if facts.SPECIES[mover["species"]].type == known.type:
        damage += damage // 2
    match = (known.type, facts.SPECIES[target["species"]].type)
    if match in facts.STRONG:
        damage *= 2
    elif match in facts.WEAK:
        damage //= 2
    return max(1, damage * roll // _WHOLE)


def _healing(now: Now, own: Creature, threat: int) -> str:
    """The smallest item that brings ``own`` out of danger; empty when none is worth its turn."""
    for item, power in facts.HEALING.items():
        if now.count(item) and min(own["max_hp"], own["hp"] + power) > threat:
            return item
    return ""


def _worth(now: Now, own: Creature) -> float:
    """How many of the enemy's lives it takes in the time that it loses its own."""
    blow = best_blow(now, own)
    if blow is None or not own["hp"]:
        return 0.0
    against: int = now.enemy["hp"]
    lives: float = own["hp"] / max(1, _threat(now, own))
    return lives * blow.mean / max(1, against)


def best_fighter(now: Now) -> int:
    """The place of the party that does best against the enemy, of those that can stand."""
    healthy = [place for place, one in enumerate(now.team) if one["hp"]]
    return max(healthy, key=lambda place: _worth(now, now.team[place]), default=0)


def _better_fighter(now: Now, blow: Blow | None) -> int | None:
    """A place of the party that is worth the turn of a change; None when there is none."""
    active = now.battle["active"]
    if blow and blow.mean * 2 >= now.enemy["hp"]:
        return None
    other = best_fighter(now)
    if other == active or _worth(now, now.team[other]) < 2 * _worth(now, now.own) + 0.5:
        return None
    return other


def _words_for(now: Now, blow: Blow, otherwise: str) -> str:
    move = facts.MOVES[now.own["moves"][blow.move]]
    enemy = facts.SPECIES[now.enemy["species"]].type
    if (move.type, enemy) in facts.STRONG:
        return f"because {move.type.upper()} moves hit {enemy.upper()} creatures hard"
    return f"because {otherwise}"
