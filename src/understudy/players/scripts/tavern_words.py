"""What is said in the tavern: the same want in the words of different tempers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Temper = Literal["plain", "cautious", "bold", "chatty"]


@dataclass(frozen=True)
class Want:
    """What somebody wants to be done."""

    kind: str
    hero: str = ""
    other: str = ""
    item: str = ""
    foe: str = ""
    place: str = ""
    level: int = 1


_WORDS: dict[str, dict[Temper, tuple[str, ...]]] = {
    "go": {
        "plain": ("We go to the {place}.", "We walk to the {place}."),
        "cautious": ("One after the other, we go to the {place}.", "We all go to the {place}."),
        "bold": ("Enough talk. We go to the {place}!", "To the {place} we go, all of us!"),
        "chatty": ("Come along, friends, we walk over to the {place}, and mind the cat.",
                   "And now, dear friends, we go to the {place}."),
    },
    "buy": {
        "plain": ("{hero} buys a {item}.", "{hero} gets a {item} at the counter."),
        "cautious": ("{hero} counts the coins twice and buys a {item}.",),
        "bold": ("{hero} slams coins on the counter and buys a {item}.",),
        "chatty": ("{hero} buys a {item} and tells the innkeeper about the weather.",),
    },
    "take": {
        "plain": ("{hero} takes the {item}.", "{hero} picks up the {item}."),
        "cautious": ("With two fingers {hero} takes the {item}.",),
        "bold": ("{hero} grabs the {item}!",),
        "chatty": ("{hero} takes the {item}, who would not?",),
    },
    "give": {
        "plain": ("{hero} gives the {item} to {other}.", "{hero} hands {other} the {item}."),
        "cautious": ("{hero} hands {other} the {item}, just in case.",),
        "bold": ("{hero} throws {other} the {item}.",),
        "chatty": ("{hero} gives the {item} to {other} with a little speech.",),
    },
    "drink": {
        "plain": ("{hero} drinks the {item}.", "{hero} uses the {item}."),
        "cautious": ("{hero} sniffs at the {item} and drinks it.",),
        "bold": ("{hero} drinks the {item} in one go.",),
        "chatty": ("Cheers! {hero} drinks the {item}.",),
    },
    "heal": {
        "plain": ("{hero} casts cure wounds on {other} at level {level}.",),
        "cautious": ("First of all, {hero} casts cure wounds on {other} at level {level}.",),
        "bold": ("{hero} casts cure wounds on {other} at level {level}, and on we go.",),
        "chatty": ("There, there: {hero} casts cure wounds on {other} at level {level}.",),
    },
    "bless": {
        "plain": ("{hero} casts bless at level {level}.",),
        "cautious": ("To be safe, {hero} casts bless at level {level}.",),
        "bold": ("{hero} casts bless at level {level}. Let them come!",),
        "chatty": ("{hero} casts bless at level {level}, with all three verses.",),
    },
    "attack": {
        "plain": ("{hero} attacks the {foe}.", "{hero} strikes at the {foe}."),
        "cautious": ("From behind the shield {hero} attacks the {foe}.",),
        "bold": ("{hero} charges the {foe}!", "{hero} swings at the {foe} with a roar!"),
        "chatty": ("'Nothing personal,' says {hero}, and attacks the {foe}.",),
    },
    "persuade": {
        "plain": ("{hero} tries to persuade the innkeeper to let us have a room.",
                  "{hero} asks nicely for the key to a room, to convince the innkeeper."),
        "cautious": ("Politely {hero} tries to persuade the innkeeper: a room, for one night.",),
        "bold": ("{hero} tries to persuade the innkeeper that the best room is ours.",),
        "chatty": ("{hero} praises stew and lamps to persuade the innkeeper of a room.",),
    },
    "steal": {
        "plain": ("{hero} tries to pick the {item} from the guard's belt.",
                  "{hero} goes for the guard's pocket, to palm the {item}."),
        "cautious": ("When nobody looks, {hero} tries to pick the {item} from the guard's belt.",),
        "bold": ("{hero} simply tries to pick the {item} off the guard's belt.",),
        "chatty": ("Humming, {hero} tries to pick the {item} from the guard's belt.",),
    },
    "look in the water": {
        "plain": ("{hero} peers into the black water to spot whatever is hidden there.",
                  "{hero} looks for a glint in the water."),
        "cautious": ("{hero} holds the light low and peers into the water.",),
        "bold": ("{hero} bends right down and scans the water.",),
        "chatty": ("'What have we here?' {hero} peers into the water.",),
    },
    "search the board": {
        "plain": ("{hero} searches the loose board in the floor.",
                  "{hero} looks for clues: {hero} inspects the loose board."),
        "cautious": ("Slowly, with a knife's tip, {hero} searches the loose board.",),
        "bold": ("{hero} rips at the loose board and searches what is below.",),
        "chatty": ("{hero} knocks at the loose board, says good evening, and searches it.",),
    },
    "read the runes": {
        "plain": ("{hero} asks what magic the runes over the fire hold.",
                  "{hero} studies the runes on the beam."),
        "cautious": ("From a good distance {hero} studies the runes on the beam.",),
        "bold": ("{hero} reads the runes on the beam out loud.",),
        "chatty": ("{hero} traces the runes on the beam and asks everybody about them.",),
    },
    "sneak past": {
        "plain": ("{hero} sneaks past the brawler.", "{hero} creeps past the gate."),
        "cautious": ("{hero} waits for the rain, and sneaks past the brawler.",),
        "bold": ("{hero} sneaks past the brawler, right under his nose.",),
        "chatty": ("Whistling without a sound, {hero} sneaks past the brawler.",),
    },
    "listen": {
        "plain": ("{hero} listens for a while.",),
        "cautious": ("Wait. {hero} listens for anything that moves.", "{hero} keeps watch."),
        "bold": ("{hero} cocks an ear, impatiently.",),
        "chatty": ("Everybody be quiet! {hero} listens.",),
    },
    "threaten": {
        "plain": ("{hero} threatens the innkeeper.",),
        "cautious": ("{hero} glowers a little.",),
        "bold": ("{hero} threatens to turn every table over.", "{hero} looms over the innkeeper."),
        "chatty": ("{hero} menaces the innkeeper with a very long song.",),
    },
    "ask for news": {
        "plain": ("What is the news?", "I ask the innkeeper for rumours."),
        "cautious": ("Has anybody heard any rumours that we should know of?",),
        "bold": ("You there! What is the news?",),
        "chatty": ("Tell us everything: what rumours are about, who said so, and to whom?",),
    },
    "ask about the stew": {
        "plain": ("How is the stew?",),
        "cautious": ("What is in the stew, exactly?",),
        "bold": ("Food! What is for dinner?",),
        "chatty": ("That smell! I ask what the soup is made of, and for whom.",),
    },
    "judge the cook": {
        "plain": ("{hero} tries to tell whether the cook is honest.",),
        "cautious": ("Is the cook honest? {hero} watches the hands.",),
        "bold": ("{hero} asks the cook to the face: is that the truth?",),
        "chatty": ("{hero} chats with the cook to see whether the cook is honest.",),
    },
    "joke": {
        "plain": ("{hero} tells a joke.",),
        "cautious": ("{hero} says nothing and smiles.",),
        "bold": ("{hero} laughs out loud.",),
        "chatty": ("{hero} tells the one about the bishop and the goose.",
                   "{hero} tells the bard a story, since the bard cannot answer."),
    },
    "wait": {
        "plain": ("We wait for a while.",),
        "cautious": ("We sit with our backs to the wall and wait.",),
        "bold": ("We drum on the table and wait.",),
        "chatty": ("We sit by the fire and talk about home.",),
    },
}  # fmt: skip

_REASONS: dict[str, tuple[str, str]] = {
    "go": ("What is wanted is not here, so the party goes there.", "The party is at the {place}."),
    "buy": ("The {item} is for sale here.", "{hero} carries a {item}."),
    "take": ("The {item} has come to light.", "{hero} carries the {item}."),
    "give": ("{other} is to have the {item}, and {hero} carries it.", "{other} carries it."),
    "drink": ("The {item} helps whoever drinks it.", "{hero} feels better."),
    "heal": ("{other} is hurt, and {hero} has a slot left.", "{other} has more hit points."),
    "bless": ("{hero} knows the spell.", "The spell is cast."),
    "attack": ("The {foe} stands in the way.", "The {foe} loses hit points, if the blow lands."),
    "persuade": ("The innkeeper has the key and can be talked round.", "A key, if it works."),
    "steal": ("The guard sleeps, and {hero} has quick fingers.", "The {item}, if it works."),
    "look in the water": ("Something glints there.", "What is hidden comes to light, with luck."),
    "search the board": ("What creaks may hide something.", "What is hidden comes to light."),
    "read the runes": ("The runes are magic, and {hero} may know of it.", "Their meaning."),
    "sneak past": ("The brawler must not notice.", "{hero} is past him, unless he looks up."),
}


def spoken(want: Want, temper: Temper, number: int) -> str:
    """The words of a want; the same ``number`` chooses the same of several."""
    lines = _WORDS[want.kind][temper]
    line = lines[number % len(lines)]
    place = "road, out of the tavern" if want.place == "road" else want.place
    return line.format(
        hero=want.hero,
        other=want.other,
        item=want.item,
        foe=want.foe,
        place=place,
        level=want.level,
    ).replace(" a antidote", " an antidote")


def reason(want: Want) -> tuple[str, str]:
    """Why it is wanted, and what is expected of it."""
    why, expected = _REASONS.get(want.kind, ("It passes the time.", "Somebody answers."))
    fill = {"hero": want.hero, "other": want.other, "item": want.item, "foe": want.foe}
    fill["place"] = want.place
    return why.format(**fill), expected.format(**fill)
