"""Goals that need the bag: using an item, throwing something away."""

from __future__ import annotations

from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.goals import Goal, Test
from understudy.players.scripts.pocket.looking import open_menu
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.screens import answer_yes, choose, go_back, set_number
from understudy.players.scripts.pocket.shop import Buy

_USE, _TOSS = 0, 1


class UseUntil(Goal):
    """Using an item, on a creature where it needs one, until a test holds.

    One that is used up by mistake is bought again.
    """

    def __init__(self, item: str, until: Test, on: str = "") -> None:
        self._item = item
        self._until = until
        self._on = on
        name = facts.label("item", item)
        self._aim = f"use {name} on {facts.label('species', on)}" if on else f"use {name}"
        self._buy = Buy(item, 1) if item in facts.GOODS else None

    def next(self, now: Now) -> Move | None:
        if self._until(now):
            return None
        if self._buy is not None and not now.count(self._item):
            return self._buy.next(now)
        if now.mode == "party" and now.prompt.startswith("Use on"):
            place = now.find(self._on) if self._on else None
            if place is not None and now["chosen_item"] == self._item:
                then = f"The {facts.label('item', self._item)} helps."
                return choose(now, now.team_entries, place, f"to {self._aim}", then)
        return item_menu(now, self._item, _USE, self._aim)


class Toss(Goal):
    """Throwing an item away until so many are left."""

    def __init__(self, item: str, left: int) -> None:
        self._item = item
        self._left = left
        self._aim = f"throw {facts.label('item', item)} away"

    def next(self, now: Now) -> Move | None:
        count = now.count(self._item)
        if count <= self._left:
            return None
        if now.mode == "quantity" and now.title == "BAG" and now["chosen_item"] == self._item:
            return set_number(now, count - self._left, count, facts.label("item", self._item))
        if self._asked(now) and now["quantity"] == count - self._left:
            return answer_yes(now, f"to {self._aim}", "It is thrown away.")
        return item_menu(now, self._item, _TOSS, self._aim)

    def _asked(self, now: Now) -> bool:
        """Whether the game asks about throwing this item away."""
        asked = now.mode == "yes_no" and now.said.startswith("Throw away")
        return asked and bool(now["chosen_item"] == self._item)


def item_menu(now: Now, item: str, entry: int, aim: str) -> Move:
    """The next move towards an entry of the menu of ``item``."""
    if now.mode == "bag" and item in now.bag:
        return choose(now, now.bag_entries, now.bag.index(item), f"to {aim}", "A small menu opens.")
    if now.mode == "item_menu" and now["chosen_item"] == item:
        then = ("The item is used, or the game asks on whom.", "The box asks how many.")[entry]
        return choose(now, facts.FIELD_ACTIONS, entry, f"to {aim}", then)
    if now.mode == "bag":
        return go_back(now, aim)
    return open_menu(now, "BAG", aim)
