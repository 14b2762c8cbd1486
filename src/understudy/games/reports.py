"""Judging the text of a report against the memory: does it name what is there, and nothing else?

A report is free text of a player ("3 Potions, two Super Potions and no Antidote"). Words are found
whatever their case and with a plural's ending, numbers as digits or as words up to twenty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from understudy.games.conditions import Condition, Moment, elements, inside, lookup
from understudy.games.toml_file import WrongPlace

if TYPE_CHECKING:
    from understudy.games.condition_reader import Reader

_NUMBER_WORDS = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
]
_STRICT_NUMBERS = {word: number for number, word in enumerate(_NUMBER_WORDS)} | {"nothing": 0}
_NUMBERS = _STRICT_NUMBERS | {"no": 0, "none": 0, "a": 1, "an": 1}
"""Words that count what stands beside them, which would not say a number by themselves."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:['’][^\W\d_]+)?")
_CLAUSE = re.compile(r"[,;.!?\n•|]|\s[-–—]\s|\band\b|\bbut\b|&")
_YES = {"yes", "true"}
_NO = {"no", "not", "false"}


def tokens(text: str) -> list[str]:
    """The words and numbers of ``text``, in small letters; ``x3`` is a number too."""
    spread = re.sub(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)", " ", text.lower())
    # A comma inside a number groups its digits.
    return _TOKEN.findall(re.sub(r"(?<=\d)[,_](?=\d{3}\b)", "", spread))


def names_word(text: str, word: str) -> bool:
    """Whether ``text`` has the words of ``word`` (``super_potion``) in a row."""
    return bool(_places(tokens(text), word))


def names_number(text: str, number: int) -> bool:
    """Whether ``text`` has ``number``, as digits or as a word."""
    return any(_number(token, _STRICT_NUMBERS) == number for token in tokens(text))


def names_value(text: str, value: Any) -> bool:
    """Whether ``text`` says ``value``, of whichever kind it is."""
    if isinstance(value, bool):
        said = set(tokens(text))
        return bool(said & _NO) != value and (not value or bool(said & _YES))
    if isinstance(value, int):
        return names_number(text, value)
    return isinstance(value, str) and value != "" and names_word(text, value)


def counted(text: str, words: list[str]) -> dict[str, list[int | None]]:
    """How many of each of ``words`` the text tells of, each time it names it; None: no number.

    A number belongs to a word of its own clause: to the word after it if the clause begins with a
    number, else to the one before it. A word that stands inside a longer one of the list (potion in
    super potion) does not count there.
    """
    found: dict[str, list[int | None]] = {word: [] for word in words}
    grouped = re.sub(r"(?<=\d)[,_](?=\d{3}\b)", "", text.lower())
    for clause in _CLAUSE.split(grouped):
        parts = tokens(clause)
        taken: set[int] = set()
        places: list[tuple[int, int, str]] = []
        for word in sorted(words, key=lambda one: -len(one.split("_"))):
            for start, end in _places(parts, word):
                if not taken & set(range(start, end)):
                    taken |= set(range(start, end))
                    places.append((start, end, word))
        places.sort()
        numbers = [_number(token, _NUMBERS) for token in parts]
        leading = bool(places) and _last(numbers[: places[0][0]]) is not None
        for index, (start, end, word) in enumerate(places):
            before = places[index - 1][1] if index else 0
            after = places[index + 1][0] if index + 1 < len(places) else len(parts)
            left, right = _last(numbers[before:start]), _last(numbers[end:after][::-1])
            near, far = (left, right) if leading else (right, left)
            found[word].append(far if near is None else near)
    return found


def _last(numbers: list[int | None]) -> int | None:
    return next((number for number in reversed(numbers) if number is not None), None)


def _number(token: str, words: Mapping[str, int]) -> int | None:
    return int(token) if token.isdecimal() else words.get(token)


def _places(parts: list[str], word: str) -> list[tuple[int, int]]:
    wanted = tokens(word.replace("_", " "))
    if not wanted:
        return []
    *first, last = wanted
    endings = {last, f"{last}s", f"{last}es"} | ({f"{last[:-1]}ies"} if last[-1:] == "y" else set())
    length = len(wanted)
    return [
        (at, at + length)
        for at in range(len(parts) - length + 1)
        if parts[at : at + length - 1] == first and parts[at + length - 1] in endings
    ]


@dataclass
class Mentions(Condition):
    """The report says the value at each of ``paths``."""

    paths: list[str]

    def holds(self, moment: Moment) -> bool:
        if moment.report is None:
            return False
        try:
            return all(names_value(moment.report, lookup(moment.now, path)) for path in self.paths)
        except LookupError:
            return False

    def words(self) -> str:
        return f"the report says {', '.join(self.paths)}"


@dataclass
class MentionsEach(Condition):
    """The report names each element of a row that fulfils ``where``, with its number."""

    path: str
    where: Condition | None
    name: str
    number: str
    only: bool

    def holds(self, moment: Moment) -> bool:
        if moment.report is None:
            return False
        try:
            found = elements(lookup(moment.now, self.path))
            fields = [inside(one, key) for key, one in found]
            wanted = {
                str(lookup(one, self.name)): lookup(one, self.number) if self.number else None
                for one in fields
                if self.where is None or self.where.holds(Moment(one, moment.start))
            }
            names = list(dict.fromkeys(str(lookup(one, self.name)) for one in fields))
        except LookupError:
            return False
        told = counted(moment.report, names)
        for name, number in wanted.items():
            if not told[name] or (number is not None and number not in told[name]):
                return False
        if not self.only:
            return True
        return all(n == 0 for name in names if name not in wanted for n in told[name])

    def words(self) -> str:
        which = f" where {self.where.words()}" if self.where else ""
        number = f" with its {self.number}" if self.number else ""
        rest = " and nothing else" if self.only else ""
        return f"the report names each of {self.path}{which}{number}{rest}"


@dataclass
class Says(Condition):
    """The report has one of ``texts``, whatever the memory is."""

    texts: list[str]

    def holds(self, moment: Moment) -> bool:
        report = moment.report
        return report is not None and any(names_word(report, text) for text in self.texts)

    def words(self) -> str:
        return f"the report says {' or '.join(repr(text) for text in self.texts)}"


def read_mentions(reader: Reader, data: Mapping[str, Any]) -> Condition:
    """``{mentions = "path"}`` or a list of paths."""
    reader.only(data, {"mentions"})
    paths = data["mentions"]
    listed = paths if isinstance(paths, list) else [paths]
    if not listed:
        raise WrongPlace("`mentions` names at least one path", "mentions")
    return Mentions([reader.path({"mentions": one}, "mentions") for one in listed])


def read_mentions_each(reader: Reader, data: Mapping[str, Any]) -> Condition:
    """``{mentions_each = "bag", where = …, name = "key", number = "count", only = true}``."""
    reader.only(data, {"mentions_each", "where", "name", "number", "only"})
    path = reader.path(data, "mentions_each")
    where = reader.where(data, path) if "where" in data else None
    for key in ("name", "number"):
        if key in data:
            named = {"path": data[key], "op": "unchanged"}
            try:
                reader.where({"where": named}, path)
            except WrongPlace as problem:
                raise WrongPlace(problem.message, key) from None
    only = data.get("only", False)
    if not isinstance(only, bool):
        raise WrongPlace("`only` is true or false", "only")
    return MentionsEach(path, where, data.get("name", "key"), data.get("number", ""), only)


def read_says(reader: Reader, data: Mapping[str, Any]) -> Condition:
    """``{says = "text"}`` or a list, of which one is enough."""
    reader.only(data, {"says"})
    texts = data["says"]
    listed = texts if isinstance(texts, list) else [texts]
    if not listed or not all(isinstance(one, str) and tokens(one) for one in listed):
        raise WrongPlace("`says` is a text or a list of texts", "says")
    return Says(listed)
