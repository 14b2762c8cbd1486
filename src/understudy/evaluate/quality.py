"""Is the answer a good one, beside its calls? Six things that a machine can tell, and told facts.

Each is defined here exactly, and described in docs/reference/validation.md. None of them reads
meaning: what they find is broken text, invented heroes and numbers, and answers that speak of
something else. The words of the hand-written answers are measured in the same way, as the mark to
compare with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

import msgspec

from understudy.chat.messages import text_of
from understudy.chat.record import Message
from understudy.chat.scenarios import world
from understudy.chat.tools.bracket import read_brackets, without_calls
from understudy.chat.tools.registry import TOOLS, ToolRegistry
from understudy.games.reports import names_number, names_word

MOST_WORDS = 80
"""Of an answer; a turn at the table is a few sentences."""
_REPEATED_WORDS = 5
"""A sequence of so many words that stands twice in one answer is a repetition."""
_STEM = 5
"""Two words with the same first letters, so many of them, speak of the same."""
_RULES = re.compile(r"^(?:Role|Rules):.*$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+")
_DICE = re.compile(r"\b\d*d\d+(?:[+-]\d+)?\b")
_MARKS = re.compile(
    r"<\|[^|>]*\|?>|</?s>|\[/?INST\]|�|^#+ ?(?:system|user|dm|toolcall)\b"
    r"|^(?:system|user|player|assistant|dm|dungeon master|tool): ",
    re.IGNORECASE | re.MULTILINE,
)
_ORDINARY_WORDS = """
    about above after again against also another because been before behind being below between
    both cannot come could does done down each either else even ever every from gets goes have
    having here hers herself himself hold into itself just keep kept know like look made make many
    more most much must near never next none nothing once only other ours over rather really same
    shall should since some somebody something still such take than that their them then there
    these they thing this those though through till time told tool toward turn under until upon
    very well were what when where which while whole will with without would your yours yourself
"""
_ORDINARY = frozenset(_ORDINARY_WORDS.split())


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine can tell of one answer; True is good."""

    on_topic: bool
    """A word of it, beside ordinary ones and its calls included, is of the conversation (of the
    facts that the system prompt tells, or of any turn), or it says a number of the last turn."""
    names_kept: bool
    """It speaks of no hero of the small world that nobody has mentioned, and of none of those that
    were mentioned with one letter wrong."""
    numbers_kept: bool
    """Every number that it writes in digits, dice aside, was told, or stands in its own calls,
    where it is judged as an argument."""
    format_kept: bool
    """Brackets are whole calls of known tools, or asides; no marks of templates or speakers."""
    length_kept: bool
    """It says something, and no more than 80 words."""
    not_repeated: bool
    """No five words in a row stand in it twice, and no word three times in a row."""

    @property
    def good(self) -> bool:
        """All of them."""
        return all(getattr(self, part) for part in PARTS)


PARTS = Quality.__struct_fields__


def measure(messages: Sequence[Message], answer: str, registry: ToolRegistry = TOOLS) -> Quality:
    """The quality of ``answer`` to ``messages``. Raises nothing, whatever it is."""
    words = without_calls(answer, registry)
    told = _told(messages)
    calls = [placed.call for placed in read_brackets(answer, registry).calls]
    written = [str(value) for call in calls for value in call.arguments.values()]
    return Quality(
        on_topic=bool(_stems(answer) & _stems(told)) or _says_a_number_of(messages[-1:], words),
        names_kept=_keeps_names(words, told),
        numbers_kept=_numbers(words) <= _numbers("\n".join((told, *written)), with_dice=True),
        format_kept=_keeps_format(answer, registry),
        length_kept=bool(calls or words) and len(words.split()) <= MOST_WORDS,
        not_repeated=not _repeats(words),
    )


def tells(answer: str, facts: Iterable[str], registry: ToolRegistry = TOOLS) -> bool:
    """Whether the words of ``answer`` say every one of ``facts``: numbers also as words."""
    words = without_calls(answer, registry)
    return all(
        names_number(words, int(fact)) if fact.isdecimal() else names_word(words, fact)
        for fact in facts
    )


def _told(messages: Sequence[Message]) -> str:
    """Everything that was said, but for the rules, which name every tool and many words."""
    return "\n".join(_RULES.sub("", text_of(message.get("content"))) for message in messages)


def _says_a_number_of(messages: Sequence[Message], words: str) -> bool:
    return any(names_number(words, number) for number in _numbers(_told(messages)))


def _stems(text: str) -> set[str]:
    found = (word.lower() for word in _WORD.findall(text))
    return {word[:_STEM] for word in found if len(word) > 3 and word not in _ORDINARY}


def _numbers(text: str, *, with_dice: bool = False) -> set[int]:
    return {int(digits) for digits in _NUMBER.findall(text if with_dice else _DICE.sub("", text))}


def _keeps_names(words: str, told: str) -> bool:
    said = {_without_possessive(word) for word in _WORD.findall(words) if word[0].isupper()}
    known = {_without_possessive(word) for word in _WORD.findall(told) if word[0].isupper()}
    if said & (_heroes() - known):
        return False
    ordinary = {word.lower() for word in _WORD.findall(told)}
    strange = (word for word in said - known if word.lower() not in ordinary)
    return not any(_nearly(word, name) for word in strange for name in known)


@cache
def _heroes() -> frozenset[str]:
    return frozenset((*world.NAMES, *world.HELD_OUT_NAMES))


def _without_possessive(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s")


def _nearly(word: str, name: str) -> bool:
    """One letter wrong, missing or too many in a name of five letters or more."""
    if len(name) < 5 or abs(len(word) - len(name)) > 1:
        return False
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(word, name, score_cutoff=1) == 1 and word != f"{name}s"


def _keeps_format(answer: str, registry: ToolRegistry) -> bool:
    reading = read_brackets(answer, registry)
    if reading.malformed or reading.unknown or _MARKS.search(answer):
        return False
    rest = without_calls(answer, registry)
    for aside in reading.asides:
        rest = rest.replace(aside, "", 1)
        if not aside.endswith("]"):
            return False
    return "[" not in rest and "]" not in rest


def _repeats(words: str) -> bool:
    told = [word.lower() for word in words.split()]
    thrice = zip(told, told[1:], told[2:], strict=False)
    if any(one == two == three for one, two, three in thrice):
        return True
    rows = [tuple(told[at : at + _REPEATED_WORDS]) for at in range(len(told) - _REPEATED_WORDS + 1)]
    return len(set(rows)) < len(rows)
