"""When the Dungeon Master of the small world calls which tool: the rules as data, and as words.

A call counts as right or wrong only where one of these rules decides it. The words stand in the
system prompt; ``cues`` let a program tell which deed a sentence speaks of.
"""

from __future__ import annotations

import re
from functools import cache

import msgspec

DEFAULT_DC = 12
"""What a save must reach where nobody has named a number."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A deed or danger and the tool that it calls for."""

    tool: str
    value: str = ""
    """The ability of a check or the type of a save."""
    when: str
    """The whole rule, in words."""
    short: str
    """The same for a prompt in which every word costs."""
    cues: str = ""
    """Beginnings of words, or phrases, that tell this deed from the others; ``|`` between them."""


CHECKS = (
    Rule(
        tool="check",
        value="perception",
        when="looking or listening for something hidden",
        short="look listen",
        cues="listen|peer|scan|keep watch|look out|look around|look for|watch for|strain|spot|"
        "keep an eye|cock an ear|squint",
    ),
    Rule(
        tool="check",
        value="investigation",
        when="searching a thing or place for clues",
        short="search",
        cues="search|clue|rummage|go through the|look through|inspect|comb through|turn over|"
        "piece together|sift|investigat",
    ),
    Rule(
        tool="check",
        value="stealth",
        when="sneaking or hiding",
        short="sneak hide",
        cues="sneak|hide|hiding|creep|tiptoe|slink|unseen|in the shadow|to the shadow|"
        "without a sound|unnoticed|soft-footed",
    ),
    Rule(
        tool="check",
        value="persuasion",
        when="talking somebody round honestly",
        short="convince",
        cues="persuade|convince|talk him round|talk her round|talk them round|appeal|plead|haggle|"
        "reason with|beg |ask nicely|win over|bargain|coax",
    ),
    Rule(
        tool="check",
        value="deception",
        when="lying",
        short="lie",
        cues="lie to|lies to|lie that|lies that|lied|a lie|lies about|lying to|bluff|pretend|"
        "pose as|false|fib|claim|swindle",
    ),
    Rule(
        tool="check",
        value="intimidation",
        when="threatening",
        short="threaten",
        cues="threat|intimidat|scare|frighten|menac|glower|loom|bully|or else",
    ),
    Rule(
        tool="check",
        value="insight",
        when="reading whether somebody is honest",
        short="honest?",
        cues="honest|telling the truth|mean it|means it|sincer|believe|trust|read his face|"
        "read her face|is he hiding|is she hiding",
    ),
    Rule(
        tool="check",
        value="athletics",
        when="climbing, swimming, jumping, forcing",
        short="climb swim jump force",
        cues="climb|swim|jump|leap|force|shoulder|heave|wrestle|grapple|lift|shove|haul|vault|"
        "break down|scale|pry|wrench|clamber",
    ),
    Rule(
        tool="check",
        value="acrobatics",
        when="balancing, tumbling",
        short="balance tumble",
        cues="balanc|tumble|somersault|cartwheel|tightrope|flip|walk the beam|handspring",
    ),
    Rule(
        tool="check",
        value="sleight of hand",
        when="picking a pocket or a lock, palming",
        short="pick palm",
        cues="pick|palm|pocket|lift the purse|filch|pilfer|cut his purse",
    ),
    Rule(
        tool="check",
        value="arcana",
        when="knowing about magic",
        short="magic",
        cues="magic|rune|arcane|enchant|spell|sigil|glyph",
    ),
    Rule(
        tool="check",
        value="history",
        when="recalling lore",
        short="lore",
        cues="recall|remember|lore|legend|history|heard of|ever read|old war|know about the",
    ),
    Rule(
        tool="check",
        value="nature",
        when="knowing plants and beasts",
        short="plants beasts",
        cues="plant|beast|mushroom|herb|berr|what animal|flower|fungus",
    ),
    Rule(
        tool="check",
        value="survival",
        when="tracking, foraging, reading the weather",
        short="track forage weather",
        cues="track|forag|weather|trail|hunt|find water|find the way|footprint",
    ),
    Rule(
        tool="check",
        value="medicine",
        when="treating or examining the hurt",
        short="treat hurt",
        cues="wound|bandage|treat|splint|bleed|pulse|injur|stabili|examine the body",
    ),
)

SAVES = (
    Rule(
        tool="save",
        value="dexterity",
        when="blasts, falling things, traps that snap",
        short="blast fall trap",
        cues="blast|explo|falls|falling|collaps|trap|dart|fireball|bursts",
    ),
    Rule(
        tool="save",
        value="constitution",
        when="poison, disease, cold",
        short="poison disease cold",
        cues="poison|venom|disease|fever|cold|frost|plague|rot|toxi|freez",
    ),
    Rule(
        tool="save",
        value="strength",
        when="being pushed, held, swept away",
        short="push hold sweep",
        cues="push|held|hold|swept|sweep|drag|current|grip|wind ",
    ),
    Rule(
        tool="save",
        value="wisdom",
        when="fear, charm, illusions",
        short="fear charm illusion",
        cues="fear|charm|illusion|terror|dread|enthrall|whisper|lull",
    ),
)

OTHERS = (
    Rule(
        tool="roll",
        when="an attack is 1d20 plus the bonus that is told; damage and other dice as told",
        short="attack 1d20+bonus, other dice as told",
    ),
    Rule(
        tool="health",
        when="a number of damage (-N) or healing (+N) is told",
        short="damage -N, healing +N",
    ),
    Rule(
        tool="inventory",
        when="add when a hero takes, buys or is given a thing; remove when it is used up, given, "
        "sold or lost; the price is not counted",
        short="what a hero gains, what is gone, no price",
    ),
    Rule(
        tool="spellcast",
        when="somebody casts a spell, at the level that is told, else the spell's own; "
        "a cantrip is of level 0",
        short="level told, else own, cantrip 0",
    ),
)

RULES = (*CHECKS, *SAVES, *OTHERS)


def rules_of(tool: str) -> tuple[Rule, ...]:
    """The rules that call for ``tool``."""
    return tuple(rule for rule in RULES if rule.tool == tool)


@cache
def prompt_text() -> str:
    """The rules in as few words as keep their meaning, for the system prompt of a small model."""
    checks = ", ".join(f"{rule.value} {rule.short}" for rule in CHECKS)
    saves = ", ".join(f"{rule.value} {rule.short}" for rule in SAVES)
    roll, health, inventory, spellcast = (rule.short for rule in OTHERS)
    return (
        "Call a tool only by rule, for the hero by name, else player. "
        f"[check: ability, name] {checks}. "
        f"[save: type, name, dc] {saves}; dc {DEFAULT_DC} unless told. "
        f"[roll: dice] {roll}. [health: name, change] {health}. "
        f"[inventory: name, add or remove, item] {inventory}. [spellcast: name, spell, level] "
        f"{spellcast}."
    )


@cache
def full_text() -> str:
    """The rules as a person would be told them, one tool a line."""
    checks = "; ".join(f"{rule.value} for {rule.when}" for rule in CHECKS)
    saves = "; ".join(f"{rule.value} against {rule.when}" for rule in SAVES)
    roll, health, inventory, spellcast = (rule.when for rule in OTHERS)
    return "\n".join(
        (
            "Call a tool exactly when a rule says so. Call a hero by name; without a name, player.",
            f"[check: ability, character]: {checks}.",
            f"[save: type, character, dc]: {saves}; the dc is {DEFAULT_DC} unless told.",
            f"[roll: dice_expression]: {roll}.",
            f"[health: character, modifier]: when {health}.",
            f"[inventory: character, action, item]: {inventory}.",
            f"[spellcast: character, spell, level]: when {spellcast}.",
            "Talk, description, questions and whatever needs no dice: no call.",
        )
    )


def deeds_told(text: str, rules: tuple[Rule, ...] = CHECKS) -> set[str]:
    """The abilities whose cues stand in ``text``; empty where a machine cannot tell."""
    small = text.lower()
    return {rule.value for rule in rules if _pattern(rule).search(small)}


@cache
def _pattern(rule: Rule) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{rule.cues})")
