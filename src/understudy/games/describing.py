"""The state of a game in words, by the lines that its TOML gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from understudy.games.condition_reader import Reader
from understudy.games.conditions import Condition, Moment, elements, inside, lookup
from understudy.games.toml_file import WrongPlace

_HOLE = re.compile(r"\{([\w.]+)\}")


class DescribeSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One ``[[describe]]`` as the TOML says it."""

    text: str
    when: dict[str, Any] | None = None
    only_if: dict[str, Any] | None = None
    each: str = ""
    join: str = ", "
    before: str = ""
    after: str = ""
    otherwise: str = ""


@dataclass(frozen=True)
class DescribeLine:
    """One line of the description, understood."""

    spec: DescribeSpec
    when: Condition | None
    only_if: Condition | None

    def words(self, memory: Mapping[str, Any]) -> str:
        """The line for ``memory``; empty when there is nothing to say."""
        spec = self.spec
        if self.only_if is not None and not self.only_if.holds(Moment(memory, memory)):
            return ""
        if not spec.each:
            if self._shown(memory):
                return spec.before + _filled(spec.text, memory) + spec.after
            return spec.otherwise
        found = [inside(one, key) for key, one in elements(lookup(memory, spec.each))]
        told = [_filled(spec.text, one) for one in found if self._shown(one)]
        return spec.before + spec.join.join(told) + spec.after if told else spec.otherwise

    def _shown(self, values: Mapping[str, Any]) -> bool:
        return self.when is None or self.when.holds(Moment(values, values))


def read_describe(spec: DescribeSpec, known: Mapping[str, Any], choices: Any) -> DescribeLine:
    """The line that ``spec`` says; WrongPlace when a path in it leads nowhere."""
    values = known
    reader = Reader(known, choices)
    only_if = None if spec.only_if is None else _read(reader.read, spec.only_if, "only_if")
    when = None
    if spec.each:
        reader.path({"each": spec.each}, "each")
        found = elements(lookup(known, spec.each))
        values = inside(found[0][1], found[0][0]) if found else {}
    if spec.when is not None and spec.each:
        when = _read(lambda told: reader.where({"where": told}, spec.each), spec.when, "when")
    elif spec.when is not None:
        when = _read(reader.read, spec.when, "when")
    for hole in _HOLE.findall(spec.text):
        try:
            lookup(values, hole)
        except LookupError:
            raise WrongPlace(f"`{{{hole}}}` is not in the memory map", "text") from None
    return DescribeLine(spec, when, only_if)


def _read(reader: Callable[[Any], Condition], told: dict[str, Any], key: str) -> Condition:
    """The condition that ``told`` says; WrongPlace tells the place below ``key``."""
    try:
        return reader(told)
    except WrongPlace as problem:
        inner = problem.place[1:] if problem.place[:1] == ("where",) else problem.place
        raise WrongPlace(problem.message, key, *inner) from None


def _filled(text: str, values: Mapping[str, Any]) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            found = lookup(values, match.group(1))
        except LookupError:
            return "?"
        if isinstance(found, bool):
            return "yes" if found else "no"
        # A row of a screen is mostly the space between its words.
        words = found.replace("_", " ") if isinstance(found, str) else str(found)
        return " ".join(words.split())

    return _HOLE.sub(value, text)
