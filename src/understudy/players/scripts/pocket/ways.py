"""Finding the way: over cells, through doors and along roads, to where something can be done.

The world is the one of the memory map's ``[places]``. A step leads to another cell, through a way
out onto another map, or, against something that stands there, nowhere: the hero then only turns.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from understudy.players.scripts.pocket import facts

Cell = tuple[str, int, int]
"""Map, column, row."""
State = tuple[Cell, str]
"""Where the hero stands, and where he looks."""

DIRECTIONS = {"down": (0, 1), "up": (0, -1), "left": (-1, 0), "right": (1, 0)}
_COUNTER = "c"
"""What one talks across."""
_GRASS_COST = 3
"""Where wild creatures live, a step may cost many more: a way around is worth this many."""


class Target(ABC):
    """Where the hero wants to stand."""

    @abstractmethod
    def holds(self, cell: Cell, facing: str) -> bool:
        """Whether it is here."""


@dataclass(frozen=True)
class OnMap(Target):
    """Anywhere on a map."""

    area: str

    def holds(self, cell: Cell, facing: str) -> bool:
        return cell[0] == self.area


@dataclass(frozen=True)
class At(Target):
    """On one cell."""

    cell: Cell

    def holds(self, cell: Cell, facing: str) -> bool:
        return cell == self.cell


@dataclass(frozen=True)
class Before(Target):
    """In front of something that stands on a cell, looking at it; a counter may be between."""

    thing: Cell

    def holds(self, cell: Cell, facing: str) -> bool:
        if cell[0] != self.thing[0]:
            return False
        ahead = _beside(cell, facing)
        if ahead != self.thing and _letter(ahead) == _COUNTER:
            ahead = _beside(ahead, facing)
        return ahead == self.thing


@dataclass(frozen=True)
class InTheWild(Target):
    """Where wild creatures live on a map."""

    area: str

    def holds(self, cell: Cell, facing: str) -> bool:
        return cell[0] == self.area and _wild(cell)


class Step(NamedTuple):
    """The next step of a way."""

    direction: str
    to: Cell
    """Where it leads: the cell itself where the hero only turns."""


class Ways:
    """All ways of the world, with these things still lying about."""

    def __init__(self, lying: frozenset[str]) -> None:
        self._next: dict[Cell, dict[str, Cell]] = {}
        self._before: dict[Cell, list[tuple[Cell, str]]] = {}
        self._costs: dict[Target, dict[Cell, int]] = {}
        for name, place in facts.memory_map()["places"].items():
            self._add(name, place, lying)
        for cell, steps in self._next.items():
            for direction, to in steps.items():
                self._before.setdefault(to, []).append((cell, direction))

    def _add(self, name: str, place: Mapping[str, Any], lying: frozenset[str]) -> None:
        taken = {(x, y) for _, x, y in place["people"]}
        taken |= {(x, y) for thing, x, y in place["pickups"] if thing in lying}
        exits = {(x, y): (to, to_x, to_y) for x, y, to, to_x, to_y in place["warps"]}
        free = {
            (x, y)
            for y, row in enumerate(place["cells"])
            for x, letter in enumerate(row)
            if letter not in place["solid"] and (x, y) not in taken
        }
        for x, y in free - exits.keys():
            steps: dict[str, Cell] = {}
            for direction, (dx, dy) in DIRECTIONS.items():
                there = (x + dx, y + dy)
                steps[direction] = exits.get(there) or (name, *(there if there in free else (x, y)))
            self._next[name, x, y] = steps

    def step(self, cell: Cell, facing: str, target: Target) -> Step | None:
        """The next step from ``cell`` to ``target``; None when the hero is there.

        LookupError when no way leads there.
        """
        if target.holds(cell, facing):
            return None
        costs = self._costs.get(target)
        if costs is None:
            costs = self._costs[target] = self._costs_to(target)
        best: tuple[int, bool, str] | None = None
        for direction, to in self._next[cell].items():
            rest = 0 if target.holds(to, direction) else costs.get(to)
            if rest is not None:
                # Of two ways of the same length, the one straight on looks more natural.
                found = (_cost(cell, to) + rest, direction != facing, direction)
                best = found if best is None else min(best, found)
        if best is None:
            raise LookupError(f"no way leads from {cell} to {target}")
        return Step(best[2], self._next[cell][best[2]])

    def wild_step(self, cell: Cell, facing: str) -> str:
        """A direction in which the hero stays where wild creatures live."""
        steps = self._next[cell].items()
        stays = [direction for direction, to in steps if to != cell and _wild(to)]
        leads = [direction for direction, to in steps if to != cell and to[0] == cell[0]]
        best = stays or leads
        return facing if facing in best else best[0]

    def _costs_to(self, target: Target) -> dict[Cell, int]:
        """What the way to ``target`` costs from each cell, whichever way the hero looks there."""
        heap = [
            (_cost(cell, to), cell)
            for cell, steps in self._next.items()
            for direction, to in steps.items()
            if target.holds(to, direction)
        ]
        heapq.heapify(heap)
        costs: dict[Cell, int] = {}
        while heap:
            cost, cell = heapq.heappop(heap)
            if cell in costs:
                continue
            costs[cell] = cost
            for before, _ in self._before.get(cell, ()):
                if before not in costs:
                    heapq.heappush(heap, (cost + _cost(before, cell), before))
        return costs


@cache
def ways(lying: frozenset[str]) -> Ways:
    """The ways with these things lying about, kept for all sessions of this process."""
    return Ways(lying)


@cache
def find(kind: str, name: str) -> Cell:
    """Where one of the ``people``, ``signs`` or ``pickups`` stands or lies."""
    for area, place in facts.memory_map()["places"].items():
        for found, x, y in place[kind]:
            if found == name:
                return area, x, y
    raise LookupError(f"there is no {name} among the {kind}")


def _beside(cell: Cell, direction: str) -> Cell:
    dx, dy = DIRECTIONS[direction]
    return cell[0], cell[1] + dx, cell[2] + dy


def _letter(cell: Cell) -> str:
    name, x, y = cell
    rows: list[str] = facts.memory_map()["places"][name]["cells"]
    return rows[y][x] if 0 <= y < len(rows) and 0 <= x < len(rows[y]) else ""


@cache
def _wild(cell: Cell) -> bool:
    letter = _letter(cell)
    return letter != "" and letter in facts.memory_map()["places"][cell[0]]["encounter"]


def _cost(cell: Cell, to: Cell) -> int:
    return _GRASS_COST if to != cell and _wild(to) else 1
