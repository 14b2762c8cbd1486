"""Carrying out in the battle's menus what a turn is to bring."""

from __future__ import annotations

from understudy.players.script import Move
from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.goals import press
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.screens import choose, go_back
from understudy.players.scripts.pocket.tactics import Attack, Intent, Run, SendOut, UseItem

_FIGHT, _BAG, _SWITCH, _RUN = range(4)


def carry_out(now: Now, intent: Intent, aim: str) -> Move:
    """The next button towards ``intent``, on whichever screen of a battle this is."""
    match now.mode, intent:
        case "battle_menu", _:
            return _on_the_menu(now, intent)
        case "battle_moves", Attack(move, why):
            return choose(now, _moves(now), move, why, f"{_name(now)} uses {_moves(now)[move]}.")
        case "bag", UseItem(item, _, why) if item in now.bag:
            return choose(
                now, now.bag_entries, now.bag.index(item), why, "A small menu for the item opens."
            )
        case "item_menu", UseItem(item, _, why) if now["chosen_item"] == item:
            return choose(now, facts.BATTLE_ACTIONS, 0, why, "The item is used.")
        case "party", UseItem(item, on, why) if now.prompt.startswith("Use on"):
            if now["chosen_item"] == item:
                return choose(now, now.team_entries, on, why, "The item helps.")
        case "party", SendOut(place, why) if now.prompt.startswith("Send out"):
            name = now.team_entries[place]
            return choose(now, now.team_entries, place, why, f"{name} goes into the battle.")
    return go_back(now, aim)


def _on_the_menu(now: Now, intent: Intent) -> Move:
    match intent:
        case Attack(move, why):
            what = f"to use {_moves(now)[move]} {why}"
            return _choose_of_four(now, _FIGHT, what, "The list of moves opens.")
        case UseItem(item, _, why):
            what = f"to use {facts.label('item', item)} {why}"
            return _choose_of_four(now, _BAG, what, "The bag opens.")
        case SendOut(place, why):
            what = f"to send out {now.team_entries[place]} {why}"
            return _choose_of_four(now, _SWITCH, what, "The party is shown.")
        case Run(why):
            return _choose_of_four(now, _RUN, f"to run away {why}", "The hero runs away.")
    raise LookupError(f"{intent} is nothing that a turn can bring")


def _choose_of_four(now: Now, wanted: int, why: str, then: str) -> Move:
    """The menu of a battle has two rows of two."""
    at, name = now.cursor, facts.BATTLE_MENU[wanted]
    if at == wanted:
        return press("a", f"The cursor is on {name}, so press A {why}.", then)
    if at // 2 != wanted // 2:
        direction, reached, side = ("down", at + 2, "below") if at < 2 else ("up", at - 2, "above")
    else:
        direction, reached, side = ("right", at + 1, "to the right")
        if at % 2:
            direction, reached, side = ("left", at - 1, "to the left")
    return press(
        direction,
        f"The cursor is on {facts.BATTLE_MENU[at]}; {name} is {side}, so press {direction} {why}.",
        f"The cursor moves to {facts.BATTLE_MENU[reached]}.",
    )


def _moves(now: Now) -> list[str]:
    return [facts.label("move", move) for move in now.own["moves"] if move != "none"]


def _name(now: Now) -> str:
    return facts.label("species", now.own["species"])
