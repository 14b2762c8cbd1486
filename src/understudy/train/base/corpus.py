"""What the base model reads: the talk of a Dungeon Master's table in plain prose, made by seed.

No tool call and no bracket stands in it anywhere: calls are what fine-tuning teaches. What the base
has to learn is which deed is which ("to creep past a guard is a matter of stealth"), and to copy
names, items, spells and numbers from what it was told, made-up ones too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import replace

from understudy.chat.scenarios import house_rules, world
from understudy.chat.scenarios.generating import cast, grammar
from understudy.chat.scenarios.generating.deeds import Scene, any_deed, talk
from understudy.chat.scenarios.scenario import Fact, PartyMember, Scenario, Turn
from understudy.chat.tools.registry import TOOLS
from understudy.train.base.retold import retold

_ALL_NAMES = (*world.NAMES, *world.HELD_OUT_NAMES)
_ALL_ITEMS = (*world.ITEMS, *world.HELD_OUT_ITEMS)
_ALL_SPELLS = {**world.SPELLS, **world.HELD_OUT_SPELLS}
VALUES = cast.Values(
    names=_ALL_NAMES,
    items=_ALL_ITEMS,
    spells=_ALL_SPELLS,
    made_up=0.5,
    described_items=0.5,
    own_level=0.1,
    wider_wordings=True,
)
"""The base knows the names, items and spells that fine-tuning leaves out, as words among others."""
BARE = 0.6
"""The share of chats without facts: most of their words are deeds and answers."""
RETOLD = 0.4
"""The share of chats that are a piece of a hand-written scenario."""
_CLUSTERS = ("br", "dr", "gr", "kr", "th", "sh", "ch", "st", "tr", "vl", "sk", "mb", "nd")
_CONSONANTS = (*"bcdfghjklmnprstvwxz", *_CLUSTERS)
_VOWELS = (*"aeiouaeio", "ae", "ou", "ia", "y", "ee")


def chats(seed: int) -> Iterator[Scenario]:
    """Chats without end; the same for the same seed."""
    number = 0
    while True:
        yield chat(seed, number)
        number += 1


def chat(seed: int, number: int | str) -> Scenario:
    """The chat with this number in the corpus of this seed."""
    rng = random.Random(f"{seed}/{number}")
    if rng.random() < RETOLD:
        return retold(rng, _any_name)
    heroes = _strange(rng, cast.party(rng, VALUES, rng.choice((1, 2, 2, 3, 3, 4))))
    bare = rng.random() < BARE
    sheet = not bare and rng.random() < 0.7
    scene = Scene(heroes, rng.choice(world.WORLDS), rng.choice(world.LOCATIONS), sheet)
    carried = {hero.name: _belongings(rng) for hero in heroes if rng.random() < 0.4 and not bare}
    turns: list[Turn] = []
    last = ""
    for _ in range(rng.choice((1, 1, 2, 3)) if bare else rng.choice((3, 4, 5, 6))):
        said, last = _exchange(rng, scene, carried, last)
        turns.extend(said)
    return Scenario(
        world="" if bare else scene.world,
        location="" if bare else scene.location,
        party=heroes if sheet else (),
        facts=tuple(
            Fact("", f"{name} carries {_listed(things)}.") for name, things in carried.items()
        ),
        turns=tuple(turns),
    )


def prompt(scenario: Scenario) -> str:
    """The facts of a chat without the rules, which speak of tools."""
    return "\n".join((f"Role: {scenario.role}", *scenario.fact_lines()))


def _exchange(
    rng: random.Random, scene: Scene, carried: dict[str, list[str]], last: str
) -> tuple[list[Turn], str]:
    """Something said and answered, and who acted; of who acted before, a pronoun may speak."""
    acted = ""
    draw = rng.random()
    if draw < 0.72:
        deed = any_deed(rng, replace(scene, last=last), VALUES)
        asked, answered = deed.words, deed.answer
        acted = str(deed.calls[0].arguments.get("character", ""))
        if rng.random() < 0.12:
            extra = _about_the_deed(rng, deed.calls[0].arguments)
            return [*_said(asked, answered), *_said(*extra)], acted
    elif draw < 0.8:
        about = "facts" if scene.sheet and rng.random() < 0.4 else ""
        deed = talk(rng, scene, VALUES, about)
        asked, answered = deed.words, deed.answer
    elif draw < 0.88:
        asked, answered = _meaning(rng)
    elif draw < (0.88 if not carried and not scene.sheet else 0.94):
        asked, answered = _belonging(rng, scene, carried)
    else:
        asked, answered = _repeated(rng)
    return _said(asked, answered), acted


def _said(asked: str, answered: str) -> list[Turn]:
    return [Turn("user", asked), Turn("dm", answered)]


def _any_name(rng: random.Random) -> str:
    return strange_name(rng) if rng.random() < 0.3 else VALUES.name(rng, set())


def _strange(rng: random.Random, heroes: tuple[PartyMember, ...]) -> tuple[PartyMember, ...]:
    """Some heroes with names of any letters, so that copying does not lean on known syllables."""
    from msgspec import structs

    return tuple(
        structs.replace(hero, name=strange_name(rng)) if rng.random() < 0.3 else hero
        for hero in heroes
    )


def strange_name(rng: random.Random) -> str:
    """A name of two or three syllables of any kind."""
    while True:
        syllables = (
            rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 2, 3)))
        )
        name = str("".join(syllables) + rng.choice(("", *_CONSONANTS[:19]))).capitalize()
        if not world.is_held_out(name):
            return name


def _meaning(rng: random.Random) -> tuple[str, str]:
    """What a word or a deed belongs to."""
    lexicon = grammar.table("lexicon")
    kind = rng.choice(tuple(lexicon))
    words = ", ".join(lexicon[kind]).split(", ")
    if kind in world.SKILLS and rng.random() < 0.5:
        deed = grammar.expand(rng.choice(grammar.table("checks")[kind]), rng, _NOBODY)
        deed = f"to {deed}" if rng.random() < 0.5 else grammar.gerund(deed)
    else:
        deed = rng.choice(words)
    draw = rng.random()
    if draw < 0.35:
        asked = rng.choice(("What is it: {}?", "What is {} a matter of?", "Which word fits: {}?",
                            "What do we call {}?", "{}, what is that?"))  # fmt: skip
        return grammar.sentence(asked.format(deed)), rng.choice(
            (f"That is {kind}.", f"It is a matter of {kind}.", f"{kind.capitalize()}.")
        )
    if draw < 0.7:
        some = ", ".join(rng.sample(words, rng.randint(2, 5)))
        asked = rng.choice(("Which of them has to do with {}?", "{}: what have they in common?",
                            "These words, {}, belong to what?"))  # fmt: skip
        return grammar.sentence(asked.format(some)), f"All of that is {kind}."
    other = rng.choice([name for name in lexicon if name != kind])
    first, second = rng.sample((kind, other), 2)
    return (
        grammar.sentence(f"is it {first} or {second}: {deed}?"),
        f"It is {kind}, not {other}.",
    )


_NOBODY = {"my": "one's", "myself": "oneself", "me": "one", "other": "a friend"}


def _belonging(rng: random.Random, scene: Scene, carried: dict[str, list[str]]) -> tuple[str, str]:
    """A question whose answer stands in the facts."""
    if not carried or rng.random() < 0.3:
        hero = rng.choice(scene.party)
        asked = rng.choice(("Who is {}?", "Tell me about {}.", "Describe {}."))
        return asked.format(hero.name), (
            f"{hero.name} is a {hero.race} {hero.class_name} of level {hero.level}, with "
            f"{hero.hit_points} of {hero.most_hit_points} hit points."
        )
    name = rng.choice(tuple(carried))
    thing = rng.choice(carried[name])
    if rng.random() < 0.5:
        asked = rng.choice(("Who carries the {}?", "Who has the {}?", "Where is the {}?"))
        return asked.format(thing), f"{name} carries the {thing}."
    asked = rng.choice(("What does {} carry?", "What is in the pack of {}?", "What has {} got?"))
    return asked.format(name), f"{name} carries {_listed(carried[name])}."


def _about_the_deed(rng: random.Random, arguments: dict[str, str | int]) -> tuple[str, str]:
    """A question about what was just said."""
    who = arguments.get("character", "you")
    who = "you" if who == "player" else who
    ways = [("Who was that?", f"That was {who}.")] if "character" in arguments else []
    if "item" in arguments:
        ways.append(("Which thing was it?", f"It was the {arguments['item']}."))
    if "spell" in arguments:
        ways.append(
            ("Which spell?", f"{str(arguments['spell']).capitalize()}, the spell of {who}.")
        )
    if "dc" in arguments:
        ways.append(("What is the number?", f"The number to reach is {arguments['dc']}."))
    if "dice_expression" in arguments:
        ways.append(("Which dice?", f"The dice are {arguments['dice_expression']}."))
    if "modifier" in arguments:
        ways.append(("How much?", f"By {arguments['modifier']:+d}."))
    return rng.choice(ways or [("And now?", "Now it is your turn.")])


def _repeated(rng: random.Random) -> tuple[str, str]:
    """Something to say again, letter for letter."""
    things = [
        strange_name(rng), world.made_up_name(rng), VALUES.name(rng, set()), VALUES.item(rng),
        VALUES.spell(rng)[0], str(rng.randint(1, 60)), f"{rng.randint(-40, 40):+d}",
        f"{rng.randint(1, 8)}d{rng.choice((4, 6, 8, 10, 12))}+{rng.randint(1, 9)}",
    ]  # fmt: skip
    said = ", ".join(rng.sample(things, rng.randint(1, 4)))
    asked = rng.choice(
        ("Say after me: {}.", "Repeat, please: {}.", "Write down {}.", "Remember {}.")
    )
    return asked.format(said), f"{said[0].upper()}{said[1:]}." if said[0].isalpha() else f"{said}."


def _belongings(rng: random.Random) -> list[str]:
    things: list[str] = []
    for _ in range(rng.randint(1, 3)):
        thing = VALUES.item(rng)
        if thing not in things:
            things.append(thing)
    return things


def _listed(things: list[str]) -> str:
    told = [f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def tokenizer_lines(seed: int, chats_to_read: int) -> Iterator[str]:
    """What the tokenizer learns from: the corpus, and every word of the world in its places."""
    # A word that begins a turn, follows a comma or stands alone must be the same piece.
    words = (*_ALL_NAMES, *_ALL_ITEMS, *_ALL_SPELLS, *world.SKILLS, *world.SAVES, *world.WORLDS)
    rules = re.sub(r"\[[^]]*\]", "", f" Rules: {house_rules.prompt_text()}")
    for number in range(chats_to_read):
        scenario = chat(seed, number)
        yield from (f" {line}" for line in prompt(scenario).split("\n"))
        yield from (f" {turn.text}" for turn in scenario.turns)
        if number % 40 == 0:
            yield from (f" {word}" for word in words)
            yield from TOOLS.names
            yield rules
