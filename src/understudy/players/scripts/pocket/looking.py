"""Goals of looking: menus, the bag, the party, a creature, the card, the town map."""

from __future__ import annotations

from collections.abc import Sequence

from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.goals import Goal, press
from understudy.players.scripts.pocket.leaving import to_map
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.screens import choose, go_back

_OPENS = {
    "BAG": "The bag opens.",
    "PARTY": "The party is shown.",
    "CARD": "The hero card is shown.",
    "SAVE": "The game asks whether to save.",
}


def open_menu(now: Now, entry: str, aim: str) -> Move:
    """The next move towards opening ``entry`` of the START menu, from any other screen."""
    if now.mode == "start_menu":
        return choose(now, facts.MENU, facts.MENU.index(entry), f"to {aim}", _OPENS[entry])
    if now.mode == "map":
        return press(
            "start",
            f"The map is on the screen. To {aim}, {entry} of the START menu is needed, so press "
            "START.",
            "The START menu opens.",
        )
    return to_map(now, aim) or go_back(now, aim)


class OnTheMap(Goal):
    """Having closed everything."""

    def next(self, now: Now) -> Move | None:
        return to_map(now, "get back to the map")


class MenuOpen(Goal):
    """The START menu is open."""

    def next(self, now: Now) -> Move | None:
        if now.mode == "start_menu":
            return None
        return to_map(now, "open the menu") or press(
            "start", "The map is on the screen, so press START.", "The START menu opens."
        )


class BagOpen(Goal):
    """The bag is open, and what is looked for is on the screen."""

    def __init__(self, aim: str = "look into the bag", items: Sequence[str] = ()) -> None:
        """``items``: those that have to be seen together, where they are in the bag."""
        self._aim = aim
        self._items = items

    def next(self, now: Now) -> Move | None:
        if now.mode != "bag":
            return open_menu(now, "BAG", self._aim)
        places = [now.bag.index(item) for item in self._items if item in now.bag]
        return _scroll(now, min(places), max(places), self._aim) if places else None


class BagSeen(BagOpen):
    """The bag is open, and all of it has been on the screen."""

    def next(self, now: Now) -> Move | None:
        if now.mode != "bag":
            return super().next(now)
        # It opens at its beginning, so that only the rest is still to be seen.
        return _scroll(now, facts.ROWS_OF_A_LIST, len(now.bag) - 1, self._aim)


def _scroll(now: Now, first: int, last: int, aim: str) -> Move | None:
    """Moving the list until the entries from ``first`` to ``last`` are on the screen."""
    count, top, at = len(now.bag), now["list_top"], now.cursor
    rows = facts.ROWS_OF_A_LIST
    if top <= first and last < top + rows:
        return None
    down = last - at
    # Up from the first entry leads to the end of the list, which may begin too far below.
    up = at + 1 + (count - first if count + 1 - rows > first else 0)
    direction = "up" if top > first or up < down else "down"
    reached = (at + (1 if direction == "down" else -1)) % (count + 1)
    return press(
        direction,
        f"The list is longer than the screen; to {aim}, the rest has to be seen too, so press "
        f"{direction}.",
        f"The cursor moves to {now.bag_entries[reached]}.",
    )


class PartyOpen(Goal):
    """The party is on the screen."""

    def __init__(self, aim: str = "look at the party") -> None:
        self._aim = aim

    def next(self, now: Now) -> Move | None:
        if now.mode == "party" and now.prompt.startswith("Choose"):
            return None
        return open_menu(now, "PARTY", self._aim)


class StatsOpen(Goal):
    """The page of a creature is on the screen."""

    def __init__(self, species: str, aim: str = "") -> None:
        self._species = species
        self._aim = aim or f"look at {facts.label('species', species)}"

    def next(self, now: Now) -> Move | None:
        place = now.find(self._species)
        if place is None:
            return go_back(now, self._aim)
        chosen = now["chosen_creature"] == place
        if now.mode == "stats" and chosen:
            return None
        return creature_menu(now, "STATS", {place}, self._aim, "Its page is shown.")


class Leads(Goal):
    """A creature stands at a place of the party, from 0."""

    def __init__(self, species: str, at: int = 0) -> None:
        self._species = species
        self._at = at
        name = facts.label("species", species)
        where = ("to the front", "to the second place", "to the third place", "to the end")[at]
        self._aim = f"move {name} {where}"

    def next(self, now: Now) -> Move | None:
        here = now.find(self._species)
        if here is None or here == self._at:
            return None
        # Which of the two is chosen first makes no difference.
        both = {here, self._at}
        if (
            now.mode == "party"
            and now.prompt.startswith("Switch")
            and now["chosen_creature"] in both
        ):
            (other,) = both - {now["chosen_creature"]}
            return choose(now, now.team_entries, other, f"to {self._aim}", "The two change places.")
        return creature_menu(now, "SWITCH", both, self._aim, "The game asks with whom.")


def creature_menu(now: Now, entry: str, places: set[int], aim: str, then: str) -> Move:
    """The next move towards ``entry`` of the menu of a creature at one of ``places``."""
    if now.mode == "party" and now.prompt.startswith("Choose"):
        nearest = min(places, key=lambda place: _distance(now.cursor, place, len(now.team)))
        return choose(now, now.team_entries, nearest, f"to {aim}", "A small menu opens.")
    if now.mode == "creature_menu" and now["chosen_creature"] in places:
        index = facts.CREATURE_ACTIONS.index(entry)
        return choose(now, facts.CREATURE_ACTIONS, index, f"to {aim}", then)
    return open_menu(now, "PARTY", aim)


def _distance(one: int, other: int, count: int) -> int:
    return min((one - other) % count, (other - one) % count)


class CardOpen(Goal):
    """The hero card is on the screen."""

    def __init__(self, aim: str = "look at the hero card") -> None:
        self._aim = aim

    def next(self, now: Now) -> Move | None:
        return None if now.mode == "card" else open_menu(now, "CARD", self._aim)


class Saved(Goal):
    """The game has been saved so often."""

    def __init__(self, times: int = 1) -> None:
        self._times = times

    def next(self, now: Now) -> Move | None:
        if now["saves"] >= self._times:
            return None
        if now.mode == "yes_no" and now.said.startswith("Save"):
            return choose(now, facts.ANSWERS, 0, "to save the game", "The game is saved.")
        return open_menu(now, "SAVE", "save the game")
