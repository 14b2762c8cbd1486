"""The language in which tasks are checked: conditions on named memory, made of plain tables.

Nothing is ever evaluated as code. ``{path = "bag.potion.count", op = ">=", value = 3}`` compares;
``all``, ``any`` and ``not`` combine; ``ever`` holds once its inside has held after any step;
``some``, ``every`` and ``count`` look at the elements of a row; ``mentions``, ``mentions_each`` and
``says`` look at the text of a report.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Moment:
    """What a condition is judged by. ``ever`` is remembered in ``held``, by the condition's id."""

    now: Mapping[str, Any]
    start: Mapping[str, Any]
    report: str | None = None
    held: set[int] = field(default_factory=set)


class Condition(ABC):
    """Something that holds or does not."""

    @abstractmethod
    def holds(self, moment: Moment) -> bool:
        """Whether it holds now; False too where a path leads nowhere."""

    @abstractmethod
    def words(self) -> str:
        """The condition for people."""

    def parts(self) -> Iterator[Condition]:
        """Itself and the conditions inside it."""
        yield self

    def missing(self, moment: Moment) -> list[str]:
        """What does not hold, in words; empty when everything does."""
        return [] if self.holds(moment) else [self.words()]

    def count(self) -> int:
        """The most lines that ``missing`` can have."""
        return 1


def lookup(values: Any, path: str) -> Any:
    """The value at ``path``, names and indices with dots between; LookupError without one."""
    for part in path.split("."):
        if isinstance(values, Mapping):
            values = values[part]
        elif isinstance(values, list | tuple):
            if not part.isdecimal():
                raise LookupError(part)
            values = values[int(part)]
        else:
            raise LookupError(part)
    return values


def elements(values: Any) -> list[tuple[str, Any]]:
    """The elements of a row with their names: the keys of a table, else the numbers from 1."""
    if isinstance(values, Mapping):
        return [(str(key), value) for key, value in values.items()]
    return [(str(number), value) for number, value in enumerate(values, 1)]


def inside(element: Any, key: str) -> Mapping[str, Any]:
    """What a path may name inside an element: its fields, ``key``, and ``value`` of a plain one."""
    fields = element if isinstance(element, Mapping) else {"value": element}
    return {**fields, "key": key}


_Compare = Callable[[Any, Any], bool]

OPERATORS: dict[str, _Compare] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
    "contains": lambda a, b: b in a,
}
BARE_OPERATORS = ("changed", "unchanged")


@dataclass
class Compare(Condition):
    """``{path, op, value}``; ``than`` another path instead of a value; ``since = "start"``."""

    path: str
    op: str
    value: Any = None
    than: str = ""
    since_start: bool = False

    def holds(self, moment: Moment) -> bool:
        try:
            left = lookup(moment.now, self.path)
            if self.op in BARE_OPERATORS:
                same = bool(left == lookup(moment.start, self.path))
                return same == (self.op == "unchanged")
            if self.since_start:
                left = left - lookup(moment.start, self.path)
            right = lookup(moment.now, self.than) if self.than else self.value
            return bool(OPERATORS[self.op](left, right))
        except (LookupError, TypeError):
            return False

    def words(self) -> str:
        if self.op in BARE_OPERATORS:
            return f"{self.path} is {self.op} since the start"
        right = self.than or repr(self.value)
        since = " more than at the start" if self.since_start else ""
        return f"{self.path} {self.op} {right}{since}"


@dataclass
class All(Condition):
    """Every one of the conditions."""

    of: list[Condition]

    def holds(self, moment: Moment) -> bool:
        return all(one.holds(moment) for one in self.of)

    def words(self) -> str:
        return " and ".join(one.words() for one in self.of)

    def parts(self) -> Iterator[Condition]:
        yield self
        for one in self.of:
            yield from one.parts()

    def missing(self, moment: Moment) -> list[str]:
        return [line for one in self.of for line in one.missing(moment)]

    def count(self) -> int:
        return sum(one.count() for one in self.of)


@dataclass
class Any_(All):  # noqa: N801 - beside All
    """At least one of the conditions."""

    def holds(self, moment: Moment) -> bool:
        return any(one.holds(moment) for one in self.of)

    def words(self) -> str:
        return "(" + " or ".join(one.words() for one in self.of) + ")"

    def missing(self, moment: Moment) -> list[str]:
        return [] if self.holds(moment) else [self.words()]

    def count(self) -> int:
        return 1


@dataclass
class Not(Condition):
    """The opposite."""

    of: Condition

    def holds(self, moment: Moment) -> bool:
        return not self.of.holds(moment)

    def words(self) -> str:
        return f"not ({self.of.words()})"

    def parts(self) -> Iterator[Condition]:
        yield self
        yield from self.of.parts()


@dataclass
class Ever(Condition):
    """Held after some step since the start."""

    of: Condition
    id: int

    def holds(self, moment: Moment) -> bool:
        if self.id not in moment.held and self.of.holds(moment):
            moment.held.add(self.id)
        return self.id in moment.held

    def words(self) -> str:
        return f"at some time {self.of.words()}"

    def parts(self) -> Iterator[Condition]:
        yield self
        yield from self.of.parts()


@dataclass
class Elements(Condition):
    """How many elements of a row fulfil ``where``: some, every, or a number of them."""

    path: str
    where: Condition
    kind: str
    op: str = ">="
    value: int = 1

    def holds(self, moment: Moment) -> bool:
        try:
            found = [
                self.where.holds(Moment(inside(one, key), moment.start, moment.report))
                for key, one in elements(lookup(moment.now, self.path))
            ]
        except (LookupError, TypeError):
            return False
        if self.kind == "every":
            return all(found)
        return OPERATORS[self.op](sum(found), self.value)

    def words(self) -> str:
        number = f" ({self.op} {self.value})" if self.kind == "count" else ""
        return f"{self.kind}{number} of {self.path} where {self.where.words()}"
