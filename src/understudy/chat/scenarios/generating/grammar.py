"""The little grammar in which the wordings are written: choices, places to fill, verbs to inflect.

A table is a text file of lines under headings. In a line, ``(a|b|)`` is one of these, ``{slot}`` is
filled by the caller or from the table of slots, and ``<verb>`` agrees with whoever acts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")
_VERB = re.compile(r"<([^<>]+)>")
_VERB_CHOICE = re.compile(r"<([^<>|]+\|[^<>]+)>")
_DOUBLED_WORDS = """
    beg bet chat con cut dig drag drop fan get grab gut hit hop hum jam knit let nap pat
    pin plan plod plot put ram rob rub run set shin shut sit skip slam slip snap spin spot
    stab step stop swap swim tap tip trip win wrap zip
"""
_DOUBLED = frozenset(_DOUBLED_WORDS.split())
_THIRD = {"be": "is", "have": "has", "do": "does", "go": "goes"}


@cache
def table(name: str) -> dict[str, tuple[str, ...]]:
    """The lines of the table NAME under each of its headings."""
    found: dict[str, list[str]] = {}
    text = files(__package__).joinpath(f"{name}.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("# "):
            lines = found.setdefault(line[2:].strip(), [])
        elif line.strip():
            lines.append(line.rstrip())
    return {heading: tuple(lines) for heading, lines in found.items()}


@cache
def slots() -> dict[str, tuple[str, ...]]:
    """What may stand in each place that the caller does not fill."""
    return {name: tuple("|".join(lines).split("|")) for name, lines in table("slots").items()}


def expand(
    line: str,
    rng: random.Random,
    fill: Mapping[str, str] | None = None,
    verb: Callable[[str], str] | None = None,
) -> str:
    """One wording of ``line``: choices made, places filled, verbs inflected, spaces tidied."""
    while True:
        chosen = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), line)
        if chosen == line:
            break
        line = chosen
    line = _VERB_CHOICE.sub(lambda match: f"<{rng.choice(match[1].split('|'))}>", line)
    given = fill or {}
    free = slots()

    def place(match: re.Match[str]) -> str:
        name = match[1]
        return given[name] if name in given else rng.choice(free[name])

    line = _SLOT.sub(place, line)
    if verb is not None:
        line = _VERB.sub(lambda match: verb(match[1]), line)
    return re.sub(r"\s+([.,?!:;])", r"\1", re.sub(r"  +", " ", line)).strip()


def third_person(verb_phrase: str) -> str:
    """``creep past`` as ``creeps past``; of two verbs joined by "and" both agree."""
    first, _, rest = verb_phrase.partition(" ")
    return f"{_third(first)} {rest}".rstrip()


def first_person(verb_phrase: str) -> str:
    first, _, rest = verb_phrase.partition(" ")
    return f"{'am' if first == 'be' else first} {rest}".rstrip()


def second_person(verb_phrase: str) -> str:
    first, _, rest = verb_phrase.partition(" ")
    return f"{'are' if first == 'be' else first} {rest}".rstrip()


def gerund(verb_phrase: str) -> str:
    """``lie low`` as ``lying low``."""
    first, _, rest = verb_phrase.partition(" ")
    if first in _DOUBLED:
        stem = first + first[-1]
    elif first.endswith("ie"):
        stem = first[:-2] + "y"
    elif first.endswith("e") and not first.endswith(("ee", "ye", "oe")) and first != "be":
        stem = first[:-1]
    else:
        stem = first
    return f"{stem}ing {rest}".rstrip()


def _third(verb: str) -> str:
    if verb in _THIRD:
        return _THIRD[verb]
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def sentence(text: str) -> str:
    """``text`` with a capital at its beginning and a full stop where no other mark ends it."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else text + "."
