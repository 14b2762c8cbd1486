"""Screens that are the same for every goal: reading on, going back, and lists with a cursor."""

from __future__ import annotations

from collections.abc import Sequence

from understudy.games.game import Action
from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.goals import press
from understudy.players.scripts.pocket.now import Now

_NAMES = {
    "start_menu": "the START menu",
    "bag": "the bag",
    "item_menu": "the menu of an item",
    "party": "the party",
    "creature_menu": "the menu of a creature",
    "stats": "the page of a creature",
    "card": "the hero card",
    "shop_menu": "the shop's counter",
    "shop_buy": "the list of goods",
    "shop_sell": "the list of things to sell",
    "quantity": "the box that asks how many",
    "town_map": "the town map",
    "battle_moves": "the list of moves",
}


def read_on(now: Now, aim: str) -> Move:
    """Reading what the box says, on the way to ``aim``."""
    who = now.speaker or "the box"
    return press(
        "a",
        f'{who[:1].upper()}{who[1:]} says: "{now.said}" To {aim}, read on: press A.',
        "The text goes on, or the box closes.",
    )


def go_back(now: Now, aim: str) -> Move:
    """Leaving a screen that is of no use to ``aim``."""
    if now.mode == "dialogue":
        return read_on(now, aim)
    if now.mode == "yes_no":
        return press(
            "b",
            f'The game asks "{now.said}", which does not help to {aim}, so press B for no.',
            "The question goes away.",
        )
    if now.mode == "title":
        return press("a", "The title is on the screen, so press A to begin.", "The game begins.")
    if now.mode == "battle_text":
        return Move(
            Action("wait"),
            "The battle goes on by itself, so wait until it asks for something.",
            "The turn comes to its end.",
        )
    return press(
        "b",
        f"This is {_NAMES.get(now.mode, 'another screen')}, which does not help to {aim}, so "
        "press B to go back.",
        "The screen before this one comes back.",
    )


def choose(now: Now, entries: Sequence[str], wanted: int, why: str, then: str) -> Move:
    """Moving the cursor to the entry ``wanted`` of a list, and pressing A there.

    ``why`` ends the sentence "press A …", as ``"to heal PUDDLO"`` does; ``then``: what A brings.
    """
    at, name = now.cursor, entries[wanted]
    if at == wanted:
        return press("a", f"The cursor is on {name}, so press A {why}.", then)
    down, up = (wanted - at) % len(entries), (at - wanted) % len(entries)
    direction, far = ("down", down) if down <= up else ("up", up)
    around = (direction == "down") != (wanted > at)
    lines = "one line" if far == 1 else f"{far} lines"
    over = " around the end of the list" if around else ""
    reached = (at + (1 if direction == "down" else -1)) % len(entries)
    return press(
        direction,
        f"The cursor is on {entries[at]}; {name} is {lines} {direction}{over}, so press "
        f"{direction} {why}.",
        f"The cursor moves to {entries[reached]}.",
    )


def answer_yes(now: Now, why: str, then: str) -> Move:
    """Saying YES to the question on the screen."""
    return choose(now, facts.ANSWERS, 0, why, then)


def set_number(now: Now, wanted: int, most: int, what: str) -> Move:
    """Making the number in the box ``wanted`` and pressing A; it goes from 1 to ``most``."""
    number = now["quantity"]
    if number == wanted:
        return press(
            "a",
            f"The box shows {number}, and that many of {what} are wanted, so press A.",
            "The game asks whether that is right.",
        )
    direction = _shortest(number, wanted, most)
    return press(
        direction,
        f"The box shows {number}; {wanted} of {what} are wanted, so press {direction}.",
        f"The number becomes {_turned(number, direction, most)}.",
    )


def _shortest(number: int, wanted: int, most: int) -> str:
    """The first button of the shortest way from one number to the other."""
    first: dict[int, str] = {number: ""}
    queue = [number]
    for here in queue:
        for direction in ("up", "down", "right", "left"):
            there = _turned(here, direction, most)
            if there not in first:
                first[there] = first[here] or direction
                queue.append(there)
        if wanted in first:
            break
    return first.get(wanted, "up")


def _turned(number: int, direction: str, most: int) -> int:
    """What a button makes of the number."""
    if direction == "up":
        return 1 if number == most else number + 1
    if direction == "down":
        return most if number == 1 else number - 1
    return min(number + 10, most) if direction == "right" else max(number - 10, 1)
