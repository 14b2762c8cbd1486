"""Goals on the map: going somewhere, standing before something, talking, picking up."""

from __future__ import annotations

from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.goals import Goal, Report, Test, press
from understudy.players.scripts.pocket.leaving import to_map
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.screens import answer_yes, read_on
from understudy.players.scripts.pocket.ways import (
    At,
    Before,
    Cell,
    InTheWild,
    OnMap,
    Step,
    Target,
    find,
    ways,
)

_SIDES = {"left": "to the left", "right": "to the right", "up": "up", "down": "down"}
_BESIDE = {
    "left": "to the left of the hero",
    "right": "to the right of the hero",
    "up": "right above the hero",
    "down": "right below the hero",
}


_OFFER = "Shall I"
"""How a person begins who offers something; other questions are the menus' own."""


class Walk(Goal):
    """Walking to a target, by the shortest way that keeps out of the tall grass."""

    def __init__(self, target: Target, aim: str) -> None:
        self._target = target
        self._aim = aim

    def next(self, now: Now) -> Move | None:
        move = to_map(now, self._aim)
        if move is not None:
            return move
        step = ways(now.lying).step(now.place, now["facing"], self._target)
        return None if step is None else _stepping(now, step, self._aim)


class Be(Goal):
    """Being at a target, whatever else is on the screen."""

    def __init__(self, target: Target, aim: str) -> None:
        self._target = target
        self._walk = Walk(target, aim)

    def next(self, now: Now) -> Move | None:
        if self._target.holds(now.place, now["facing"]):
            return None
        return self._walk.next(now)


class GoTo(Be):
    """Being on a map."""

    def __init__(self, area: str) -> None:
        there = "HOME" if area == "home" else f"to {facts.place(area)}"
        super().__init__(OnMap(area), f"get {there}")


class StandAt(Be):
    """Standing on a cell."""

    def __init__(self, cell: Cell, aim: str) -> None:
        super().__init__(At(cell), aim)


class TalkTo(Goal):
    """Talking to a person, saying yes to what is offered, until a test holds."""

    def __init__(self, name: str, until: Test | None = None, aim: str = "") -> None:
        """Without ``until``: until the hero has talked to the person."""
        self._name = facts.person(name)
        self._aim = aim or f"talk to {self._name}"
        self._until = until or (lambda now: bool(now["talked"][name]))
        self._walk = Walk(Before(find("people", name)), self._aim)

    def next(self, now: Now) -> Move | None:
        if self._until(now):
            return None
        if now.mode == "dialogue":
            return read_on(now, self._aim)
        if now.mode == "yes_no" and now.said.startswith(_OFFER):
            return answer_yes(now, f"to {self._aim}", "The offer is taken.")
        return self._walk.next(now) or press(
            "a",
            f"The hero stands before {self._name}, so press A to {self._aim}.",
            f"{self._name[:1].upper()}{self._name[1:]} begins to speak.",
        )


class Read(Goal):
    """Reading a sign; reached once it has been read, and its first page is on the screen."""

    def __init__(self, sign: str) -> None:
        self._sign = sign
        self._aim = f"read {facts.person(sign)}"
        self._walk = Walk(Before(find("signs", sign)), self._aim)

    def next(self, now: Now) -> Move | None:
        if now["text_id"] == self._sign:
            return None
        return self._walk.next(now) or press(
            "a",
            f"The hero stands before {facts.person(self._sign)}, so press A to read it.",
            "The box shows what the sign says.",
        )


class Hear(Report):
    """Reading what a person or a sign says until a word of it is on the screen, then telling."""

    def __init__(self, source: Goal, word: str, answer: str) -> None:
        """``source`` makes somebody speak; ``word`` is part of the page with the ``answer``."""
        super().__init__(_Page(source, word), lambda now: answer, "what is being said")


class _Page(Goal):
    def __init__(self, source: Goal, word: str) -> None:
        self._source = source
        self._word = word

    def next(self, now: Now) -> Move | None:
        if self._word in now.said:
            return None
        return (
            read_on(now, "learn the answer") if now.mode == "dialogue" else self._source.next(now)
        )


class PickUp(Goal):
    """Picking something up from the ground."""

    def __init__(self, name: str, item: str) -> None:
        self._name = name
        self._item = facts.label("item", item)
        self._walk = Walk(Before(find("pickups", name)), f"pick up the {self._item}")

    def next(self, now: Now) -> Move | None:
        if now["picked"][self._name]:
            return None
        return self._walk.next(now) or press(
            "a",
            "The hero stands before something that lies on the ground, so press A to take it.",
            f"The hero finds {self._item}.",
        )


class Wander(Goal):
    """Walking about where wild creatures live; never reached by itself."""

    def __init__(self, area: str, aim: str) -> None:
        self._walk = Walk(InTheWild(area), aim)
        self._aim = aim

    def next(self, now: Now) -> Move | None:
        move = self._walk.next(now)
        if move is not None:
            return move
        direction = ways(now.lying).wild_step(now.place, now["facing"])
        return press(
            direction,
            f"Wild creatures live here; to {self._aim}, walk about until one appears: press "
            f"{direction}.",
            f"The hero takes a step {_SIDES[direction]}, or a wild creature appears.",
        )


def _stepping(now: Now, step: Step, aim: str) -> Move:
    direction, to = step
    side = _SIDES[direction]
    if to == now.place:
        return press(
            direction,
            f"The hero is close enough; to {aim}, he only has to turn, so press {direction}.",
            f"The hero turns {side}.",
        )
    here, there = now["map"], to[0]
    if there != here:
        way = "door" if facts.INDOORS & {here, there} else "road"
        return press(
            direction,
            f"The {way} to {facts.place(there)} is {_BESIDE[direction]}, who takes it to {aim}, "
            f"so press {direction}.",
            f"The hero arrives {facts.inside(there)}.",
        )
    return press(
        direction,
        f"The hero is {now.where} and wants to {aim}; the way leads {side}, so press {direction}.",
        f"The hero takes a step {side}.",
    )
