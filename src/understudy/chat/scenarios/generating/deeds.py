"""One thing that is said at the table, and what the house rules make of it.

A `Deed` holds the player's words, the calls that are due (none, where it is only talk), and the
Dungeon Master's answer in plain prose. The embedded base model learns from the prose, the scenarios
add the calls to it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.chat.scenarios import house_rules
from understudy.chat.scenarios.generating import grammar
from understudy.chat.scenarios.generating.cast import Values
from understudy.chat.scenarios.scenario import PartyMember
from understudy.chat.tools.registry import TOOLS, Call

KINDS = {"check": 40, "save": 13, "roll": 11, "health": 11, "inventory": 14, "spellcast": 11}
"""The kinds of deeds that call for a tool, and how often each is drawn against the others."""
NAMED = 0.72
"""The share of deeds in which a hero is named; in the others "I" acts, and `player` is called."""
TOLD = 0.6
"""The share of checks told in whole sentences; the others are a verb phrase in some style."""
PRONOUN = 0.22
"""How often "she" or "he" stands for whoever acted last, instead of the name."""
OTHERS_HURT = 0.25
"""The share of damage and healing that meets somebody who is no hero."""
_NOTHING_BESIDE = 0.65
_ADORNMENTS = ("last", "only", "trusty", "favourite", "other", "borrowed", "stolen", "new", "good",
               "best", "spare", "poor", "precious", "loose", "famous", "lost", "own")  # fmt: skip
"""What may be said of a thing without being part of what it is called."""
_ORDINALS = ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth",
             "ninth")  # fmt: skip
_DICE = (4, 6, 8, 10, 12)
_MASCULINE = {"his": "his", "him": "him", "himself": "himself"}
_FIRST = {"my": "my", "myself": "myself", "me": "me"}
_FEMININE = {"his": "her", "him": "her", "himself": "herself"}


@dataclass(frozen=True)
class Deed:
    """The player's words, the calls they make due, and the answer in prose."""

    kind: str
    words: str
    calls: tuple[Call, ...]
    answer: str
    wording: str
    """The line of the table that it was made from."""


@dataclass(frozen=True)
class Scene:
    """What the Dungeon Master has been told when somebody speaks."""

    party: Sequence[PartyMember]
    world: str
    location: str
    sheet: bool = True
    """Whether the party sheet was shown."""
    last: str = ""
    """Who acted last, so that a pronoun can mean them."""


class Actor:
    """Who acts, with the words that stand for them: by name, as "I", or by pronoun.

    "I" is the one hero of a party of one, and `player` where nobody else can be meant.
    """

    def __init__(self, rng: random.Random, scene: Scene, named: bool) -> None:
        hero = next((one for one in scene.party if one.name == scene.last), None)
        pronoun = named and hero is not None and rng.random() < PRONOUN
        if hero is None or not pronoun:
            hero = rng.choice(scene.party)
        others = [member.name for member in scene.party if member is not hero]
        pronouns = rng.choice((_MASCULINE, _FEMININE))
        alone = len(scene.party) == 1 and scene.sheet
        self.name = hero.name if named or alone else "player"
        self.first_person = not named
        subject, object_ = ("He", "him") if pronouns is _MASCULINE else ("She", "her")
        self.hero = hero
        possessive = f"{hero.name}'s" if named or alone else "your"
        self.answer_fill = {
            "W": hero.name if named or alone else "you",
            "Wp": possessive,
            "Wp_cap": possessive[0].upper() + possessive[1:],
        }
        self.verb = grammar.third_person if named else grammar.first_person
        self.answer_verb = grammar.third_person if named or alone else grammar.second_person
        self.fill = {
            "name": hero.name,
            "N": hero.name if named else "I",
            "No": hero.name if named else "me",
            "Np": f"{hero.name}'s" if named else "my",
            "my": pronouns["his"] if named else "my",
            "myself": pronouns["himself"] if named else "myself",
            "me": pronouns["him"] if named else "me",
            "other": rng.choice(others) if others else rng.choice(("a friend", "the old guide")),
            **pronouns,
        }
        if pronoun:
            self.fill |= {"name": subject, "N": subject, "No": object_, "Np": pronouns["his"]}

    def meet(self, other: str) -> None:
        """Somebody else, who is on no sheet, is the one it happens to."""
        self.name = other.removeprefix("the ")
        self.verb = self.answer_verb = grammar.third_person
        self.first_person = False
        self.fill |= {"name": other, "N": other, "No": other, "Np": f"{other}'s", "my": "its"}
        self.fill |= {"myself": "itself", "me": "it"}
        told = f"{other}'s"
        self.answer_fill = {"W": other, "Wp": told, "Wp_cap": told[0].upper() + told[1:]}


def any_deed(rng: random.Random, scene: Scene, values: Values) -> Deed:
    """A deed that calls for a tool, of any kind."""
    kind = rng.choices(tuple(KINDS), weights=tuple(KINDS.values()))[0]
    named = rng.random() < NAMED
    if not named and len(scene.party) > 1 and scene.sheet and rng.random() < 0.75:
        # Which of several heroes "I" is, nobody can tell: rare at a table.
        named = True
    return _MAKERS[kind](rng, Actor(rng, scene, named), values)


def talk(rng: random.Random, scene: Scene, values: Values, about: str = "") -> Deed:
    """Something said that needs no tool; ``about`` is a heading of the table, else it is drawn."""
    heading = about or rng.choice(("look", "talk", "talk", "move", "rules", "facts"))
    if heading == "facts" and not scene.sheet:
        heading = "talk"
    line = rng.choice(grammar.table("talk")[heading])
    actor = Actor(rng, scene, named=True)
    hero = actor.hero
    names = [member.name for member in scene.party]
    item = values.item(rng)
    fill = actor.fill | {
        "hp": str(hero.hit_points),
        "maxhp": str(hero.most_hit_points),
        "level": str(hero.level),
        "class": hero.class_name,
        "a race": _with_article(hero.race),
        "location": scene.location,
        "world": scene.world,
        "partylist": _listed(names),
        "skill": rng.choice(house_rules.CHECKS).value,
        "spell": values.spell(rng)[0],
        "a item": _with_article(item),
    }
    asked, _, answered = _spaced(line).partition(" => ")
    if heading == "facts":
        fill["name"] = hero.name  # whoever asks for facts says of whom
    fill = {name.replace(" ", "_"): text for name, text in fill.items()}
    words = grammar.expand(asked, rng, fill)
    answer = grammar.sentence(grammar.expand(answered, rng, fill))
    return Deed("talk", words, (), answer, line)


def _check(rng: random.Random, actor: Actor, values: Values) -> Deed:
    skill = rng.choice(house_rules.CHECKS).value
    fill = {"skill": skill, "Skill": skill.capitalize()}
    if rng.random() < TOLD:
        line = rng.choice(_lines("told", skill))
        words = grammar.sentence(grammar.expand(line, rng, actor.fill, actor.verb))
        words = _beside(rng, actor, words)
        return _deed("check", words, [(skill, actor.name)], fill, line, rng, actor)
    line = rng.choice(grammar.table("checks")[skill] + _wider(skill, values))
    phrase = grammar.expand(line, rng, actor.fill)
    named = not actor.first_person
    style = rng.choice(grammar.table("styles")["third" if named else "first"])
    verb_phrases = {
        "vp": phrase,
        "vp3": grammar.third_person(phrase),
        "ving": grammar.gerund(phrase),
    }
    if rng.random() < 0.18:
        tail = grammar.expand(rng.choice(grammar.table("styles")["tail"]), rng, actor.fill)
        tail = tail if tail.startswith(",") else f" {tail}"
        verb_phrases = {key: phrase + tail for key, phrase in verb_phrases.items()}
    words = grammar.expand(style, rng, actor.fill | verb_phrases)
    if named and actor.fill["name"] == actor.name and rng.random() < 0.04:
        words = f"As {actor.name}, I {grammar.expand(line, rng, actor.fill | _FIRST)}."
    return _deed("check", _beside(rng, actor, words), [(skill, actor.name)], fill, line, rng, actor)


def _save(rng: random.Random, actor: Actor, values: Values) -> Deed:
    kind = rng.choice(house_rules.SAVES).value
    line = rng.choice(_lines("saves", kind) + _wider(kind, values))
    words = grammar.sentence(grammar.expand(line, rng, actor.fill, actor.verb))
    dc = house_rules.DEFAULT_DC
    if rng.random() < 0.8:
        dc = rng.randint(8, 20)
        told = ("DC {dc}.", "The DC is {dc}.", "(DC {dc})", "It is DC {dc}.", "Difficulty {dc}.",
                "The difficulty is {dc}.", "{dc} or better withstands it.")  # fmt: skip
        words = f"{words} {rng.choice(told).format(dc=dc)}"
    fill = {"save": kind, "dc": str(dc)}
    return _deed("save", words, [(kind, actor.name, dc)], fill, line, rng, actor)


def _roll(rng: random.Random, actor: Actor, values: Values) -> Deed:
    heading = rng.choice(("attack", "attack", "dice"))
    line = rng.choice(_lines("roll", heading))
    if heading == "attack":
        bonus = rng.randint(1, 11)
        dice = f"1d20+{bonus}"
        after = rng.choice(
            (f"+{bonus} to hit", f"my bonus is +{bonus}", f"with +{bonus}", f"bonus {bonus}",
             f"attack bonus +{bonus}", f"plus {bonus}", f"at +{bonus}",
             f"with a bonus of {bonus}")
        )  # fmt: skip
        before = rng.choice((f"a bonus of {bonus}", f"+{bonus} to hit", f"+{bonus}"))
        told = {"bonus": after, "bonus0": before, "bonusp": f"(+{bonus})"}
    else:
        count, sides = rng.randint(1, 8), rng.choice(_DICE)
        plus = rng.choice((0, 0, rng.randint(1, 9)))
        dice = f"{count}d{sides}" + (f"+{plus}" if plus else "")
        told = {"dice": dice if rng.random() < 0.8 else dice.replace("+", " + ")}
    told |= {"spell": values.spell(rng)[0]}
    words = grammar.sentence(grammar.expand(line, rng, actor.fill | told, actor.verb))
    return _deed("roll", words, [(dice,)], {"dice": dice}, line, rng, actor)


def _health(rng: random.Random, actor: Actor, values: Values) -> Deed:
    heading = rng.choice(("hurt", "hurt", "healed"))
    line = rng.choice(_lines("health", heading))
    number = rng.randint(1, 20) if rng.random() < 0.7 else rng.randint(1, 60)
    if rng.random() < OTHERS_HURT:
        actor.meet(grammar.expand("{foe}", rng))
    words = grammar.expand(line, rng, actor.fill | {"n": str(number)}, actor.verb)
    change = f"{'-' if heading == 'hurt' else '+'}{number}"
    arguments = [(actor.name, change)]
    fill = {"n": str(number), "answer": heading}
    return _deed("health", grammar.sentence(words), arguments, fill, line, rng, actor)


def _inventory(rng: random.Random, actor: Actor, values: Values) -> Deed:
    heading = rng.choice(("add", "add", "remove", "remove", "remove", "remove consumable"))
    if heading == "remove consumable" and rng.random() < 0.7:
        heading = "remove"
    line = rng.choice(_lines("inventory", heading))
    item = values.item(rng)
    adorned = values.adorned > 0 and rng.random() < values.adorned
    if heading == "remove consumable":
        item = "torch" if "my torch" in line else rng.choice(("healing potion", "antidote"))
    heading = heading.split()[0]
    said = f"{rng.choice(_ADORNMENTS)} {item}" if adorned else item
    fill = {
        "item0": said,
        "the_item": f"the {said}",
        "a_item": _with_article(said),
        "A_item": _with_article(said).capitalize(),
        "my_item": f"{actor.fill['my']} {said}" if rng.random() < 0.6 else f"the {said}",
    }
    fill["my_potion"] = fill["my_torch"] = fill["my_item"]
    words = grammar.expand(_spaced(line), rng, actor.fill | fill, actor.verb)
    told = {"item": item, "answer": heading}
    arguments = [(actor.name, heading, item)]
    return _deed("inventory", grammar.sentence(words), arguments, told, line, rng, actor)


def _spellcast(rng: random.Random, actor: Actor, values: Values) -> Deed:
    spell, own = values.spell(rng)
    # A cantrip takes no slot.
    lines = [line for line in _lines("spellcast", "cast") if own or "slot" not in line]
    line = rng.choice(lines)
    level = rng.randint(own, 9) if own and rng.random() < 0.5 else own
    ordinal = _ORDINALS[level]
    ways = [f" at level {level}", f" at {ordinal} level", f", level {level}", f" (level {level})",
            f" as a level {level} spell", f" as a spell of level {level}"]  # fmt: skip
    if own:
        ways += [f" with a level {level} slot", f" with a {ordinal}-level slot"]
    told = rng.choice(ways)
    if rng.random() < values.own_level and "{l}" not in line and "{ord}" not in line:
        level, told = own, ""
    target = rng.choice(("", "", "at {foe}", "on {other}", "against {foe}", "at once"))
    fill = {
        "spell": spell,
        "spell_cap": spell.capitalize(),
        "l": str(level),
        "ord": ordinal,
        "target": grammar.expand(target, rng, actor.fill),
        "level": told,
    }
    words = grammar.expand(line, rng, actor.fill | fill, actor.verb)
    words = grammar.sentence(_beside(rng, actor, grammar.sentence(words)))
    arguments = [(actor.name, spell, level)]
    return _deed("spellcast", words, arguments, fill, line, rng, actor)


_MAKERS = {
    "check": _check,
    "save": _save,
    "roll": _roll,
    "health": _health,
    "inventory": _inventory,
    "spellcast": _spellcast,
}


def _deed(
    tool: str,
    words: str,
    arguments: Sequence[tuple[str | int, ...]],
    fill: dict[str, str],
    wording: str,
    rng: random.Random,
    actor: Actor,
) -> Deed:
    lines = grammar.table("answers")[fill.get("answer", tool)]
    answer = grammar.expand(rng.choice(lines), rng, fill | actor.answer_fill, actor.answer_verb)
    calls = tuple(TOOLS.call(tool, *values) for values in arguments)
    return Deed(tool, grammar.sentence(words), calls, grammar.sentence(answer), wording)


def _lines(table: str, heading: str) -> tuple[str, ...]:
    """The wordings under a heading, with those of ``more.txt``."""
    return grammar.table(table)[heading] + grammar.table("more").get(heading, ())


def _wider(heading: str, values: Values) -> tuple[str, ...]:
    """The wordings of ``wider.txt``: deeds of a skill as verbs, dangers of a save as sentences."""
    return grammar.table("wider")[heading] if values.wider_wordings else ()


def _beside(rng: random.Random, actor: Actor, words: str) -> str:
    """Now and then something beside the point, so that not every name is the one who acts."""
    if rng.random() < _NOTHING_BESIDE:
        return words
    aside = grammar.expand(rng.choice(grammar.table("styles")["other"]), rng, actor.fill)
    aside, words = grammar.sentence(aside), grammar.sentence(words)
    return f"{aside} {words}" if rng.random() < 0.6 else f"{words} {aside}"


def _spaced(line: str) -> str:
    """Places such as ``{the item}`` as the grammar names them."""
    for name in ("the item", "a item", "A item", "my item", "my potion", "my torch", "a race"):
        line = line.replace(f"{{{name}}}", f"{{{name.replace(' ', '_')}}}")
    return line


def _with_article(thing: str) -> str:
    return f"{'an' if thing[0] in 'aeiouAEIOU' else 'a'} {thing}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
