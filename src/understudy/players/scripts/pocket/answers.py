"""What the script says when something is asked: sentences made of what the screen shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from understudy.players.scripts.pocket import facts
from understudy.players.scripts.pocket.now import Now

Answer = Callable[[Now], str]


def healing_items(now: Now) -> str:
    """Every healing item with its count."""
    return f"In the bag there are these healing items: {_counted(now, facts.HEALING_ITEMS)}."


def bells(now: Now) -> str:
    """Both kinds of bells."""
    return f"The bag holds {now.count('bell')} bells and {now.count('great_bell')} great bells."


def whole_bag(now: Now) -> str:
    """Everything in the bag, in its order."""
    return f"In the bag there are {_counted(now, now.bag)}."


def potions(now: Now) -> str:
    """How many potions there are."""
    return f"There are {_count(now.count('potion'), 'potion')} in the bag."


def wake_herb(now: Now) -> str:
    """Whether there is a wake herb."""
    count = now.count("wake_herb")
    if not count:
        return "No, there is no wake herb in the bag."
    return f"Yes, there is a wake herb in the bag; the count is {count}."


def money(now: Now) -> str:
    """How much money there is."""
    return f"You have {now['money']} coins."


def badge(now: Now) -> str:
    """Whether there is a badge."""
    if now["badges"]["fern_badge"]:
        return "Yes, you have the Fern Badge."
    return "No, the card shows that you have no badge yet."


def steps(now: Now) -> str:
    """How many steps were walked."""
    return f"You have walked {now['steps']} steps so far."


def battles_won(now: Now) -> str:
    """How many battles were won."""
    return f"You have won {_count(now['battles_won'], 'battle')}."


def caught(now: Now) -> str:
    """How many creatures were caught."""
    return f"You have caught {_count(now['catches'], 'creature')} so far."


def saves(now: Now) -> str:
    """How often the game was saved."""
    return f"The card counts {_count(now['saves'], 'save')}."


def record(now: Now) -> str:
    """The whole card."""
    return (
        f"The card says: {now['money']} coins, {now['steps']} steps, {now['battles_won']} battles "
        f"won, {now['catches']} creatures caught and {now['saves']} saves."
    )


def team(now: Now) -> str:
    """Who is in the party."""
    return f"Your party is {_listed([_name(one['species']) for one in now.team])}."


def levels(now: Now) -> str:
    """The level of everybody."""
    told = [f"{_name(one['species'])} is at level {one['level']}" for one in now.team]
    return f"{_listed(told)}."


def hp_of(species: str, now: Now) -> str:
    """How healthy one is."""
    one = _member(now, species)
    return f"{_name(species)} has {one['hp']} of {one['max_hp']} HP left."


def weakest(now: Now) -> str:
    """Who has the fewest hit points."""
    one = min(now.team, key=lambda each: each["hp"])
    return f"{_name(one['species'])} has the fewest: {one['hp']} of {one['max_hp']} HP."


def poisoned(now: Now) -> str:
    """Who is poisoned."""
    names = [_name(one["species"]) for one in now.team if one["status"] == "poison"]
    return f"{_listed(names)} is poisoned." if names else "Nobody is poisoned."


def moves_of(species: str, now: Now) -> str:
    """What one can do in battle."""
    moves = [_name(move) for move in _member(now, species)["moves"] if move != "none"]
    return f"{_name(species)} knows {_listed(moves)}."


def pp_of(species: str, move: str, now: Now) -> str:
    """How often one can use a move."""
    one = _member(now, species)
    left = one["pp"][one["moves"].index(move)]
    return f"{_name(species)} can use {_name(move)} {left} more times."


def where(now: Now) -> str:
    """Where the hero is."""
    return f"The map shows that you are in {_name(now['map'])}."


def enemy(now: Now) -> str:
    """Whom one is fighting."""
    return f"You are fighting a {_name(now.enemy['species'])} of level {now.enemy['level']}."


def price_of(item: str, now: Now) -> str:
    """What an item costs, as the list says."""
    return f"A {_words(item)} costs {facts.PRICES[item]} coins."


def cheapest(now: Now) -> str:
    """The cheapest of the goods."""
    item = min(facts.GOODS, key=lambda one: facts.PRICES[one])
    return f"The cheapest thing is the {_words(item)}, for {facts.PRICES[item]} coins."


def _member(now: Now, species: str) -> Mapping[str, Any]:
    return next(one for one in now.team if one["species"] == species)


def _counted(now: Now, items: Sequence[str]) -> str:
    there = [_count(now.count(item), _words(item)) for item in items if now.count(item)]
    return _listed(there) or "none"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _listed(words: Sequence[str]) -> str:
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _words(name: str) -> str:
    return name.replace("_", " ")


def _name(name: str) -> str:
    return _words(name).title()
