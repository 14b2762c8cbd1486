"""Making conditions of the plain tables of a TOML, and refusing those that could never hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from understudy.games import reports
from understudy.games.conditions import (
    BARE_OPERATORS,
    OPERATORS,
    All,
    Any_,
    Compare,
    Condition,
    Elements,
    Ever,
    Not,
    elements,
    inside,
    lookup,
)
from understudy.games.toml_file import WrongPlace


class Reader:
    """Makes conditions of tables; ``known`` are example values that every path must be found in.

    ``choices`` names the words that an enum at a path can be, so that a wrong word is refused.
    """

    def __init__(
        self,
        known: Mapping[str, Any] | None = None,
        choices: Callable[[str], tuple[str, ...]] | None = None,
    ) -> None:
        self._known = known
        self._choices = choices
        self._row = ""
        self._evers = 0

    def read(self, data: Any) -> Condition:
        """The condition that ``data`` says; WrongPlace naming what is wrong with it."""
        if not isinstance(data, Mapping):
            raise WrongPlace('a condition is a table, such as { path = "x", op = "==", value = 1 }')
        for word, make in self._makers().items():
            if word in data:
                return make(data)
        kinds = ", ".join(self._makers())
        raise WrongPlace(f"this is no condition: it has none of {kinds}")

    def _makers(self) -> dict[str, Callable[[Mapping[str, Any]], Condition]]:
        return {
            "all": lambda data: All(self._list(data, "all")),
            "any": lambda data: Any_(self._list(data, "any")),
            "not": lambda data: Not(self._inner(data, "not", {"not"})),
            "ever": self._ever,
            "some": lambda data: self._elements(data, "some"),
            "every": lambda data: self._elements(data, "every"),
            "count": lambda data: self._elements(data, "count"),
            "mentions": lambda data: reports.read_mentions(self, data),
            "mentions_each": lambda data: reports.read_mentions_each(self, data),
            "says": lambda data: reports.read_says(self, data),
            "path": self._compare,
        }

    def only(self, data: Mapping[str, Any], allowed: set[str]) -> None:
        """WrongPlace when ``data`` has a key that is not ``allowed``."""
        for key in data:
            if key not in allowed:
                raise WrongPlace(
                    f"the key `{key}` is unknown here; known: {', '.join(sorted(allowed))}", key
                )

    def path(self, data: Mapping[str, Any], key: str) -> str:
        """The path under ``key``, checked against the known values."""
        path = data.get(key)
        if not isinstance(path, str) or not path:
            raise WrongPlace(
                f'`{key}` must be the path of a value, such as "bag.potion.count"', key
            )
        if self._known is not None:
            try:
                lookup(self._known, path)
            except LookupError:
                names = [key for key, _ in elements(self._known)]
                raise WrongPlace(
                    f"`{path}` is not in the memory map; it begins with one of {', '.join(names)}",
                    key,
                ) from None
        return path

    def where(self, data: Mapping[str, Any], path: str) -> Condition:
        """The condition under ``where``, whose paths begin inside an element of ``path``."""
        if self._known is None:
            inner = Reader()
        else:
            row = lookup(self._known, path)
            if not isinstance(row, Mapping | list | tuple):
                raise WrongPlace(f"`{path}` has no elements to look at", "where")
            found = elements(row)
            if not found:
                raise WrongPlace(f"`{path}` has no elements to look at", "where")
            inner = Reader(inside(found[0][1], found[0][0]), self._choices)
            inner._row = f"{self._row}{path}.0."
        try:
            condition = inner.read(data.get("where"))
        except WrongPlace as problem:
            raise problem.below("where") from None
        if any(isinstance(part, Ever) for part in condition.parts()):
            raise WrongPlace("`ever` goes around this condition, not into its `where`", "where")
        return condition

    def _compare(self, data: Mapping[str, Any]) -> Condition:
        self.only(data, {"path", "op", "value", "than", "since"})
        path = self.path(data, "path")
        op = data.get("op", "==")
        if op in BARE_OPERATORS:
            self.only(data, {"path", "op"})
            return Compare(path, op)
        if op not in OPERATORS:
            known = ", ".join([*OPERATORS, *BARE_OPERATORS])
            raise WrongPlace(f"`{op}` is no comparison; there is: {known}", "op")
        if ("value" in data) == ("than" in data):
            raise WrongPlace("say either `value` or, for another path, `than`")
        if data.get("since", "start") != "start":
            raise WrongPlace('`since` can only be "start"', "since")
        than = self.path(data, "than") if "than" in data else ""
        if "value" in data:
            self._check_value(path, op, data["value"], since="since" in data)
        return Compare(path, op, data.get("value"), than, "since" in data)

    def _check_value(self, path: str, op: str, value: Any, *, since: bool) -> None:
        wanted = value if op in ("in", "not in") else [value]
        if not isinstance(wanted, list):
            raise WrongPlace(f"with `{op}`, `value` is a list", "value")
        words = self._choices(f"{self._row}{path}") if self._choices else ()
        for one in wanted if words else ():
            if one not in words:
                raise WrongPlace(
                    f"`{path}` is never {one!r}; it is one of {', '.join(words)}", "value"
                )
        if self._known is None or op == "contains":
            return
        example = lookup(self._known, path)
        numbers = isinstance(example, int) and not isinstance(example, bool)
        if (since or op in ("<", "<=", ">", ">=")) and not numbers:
            raise WrongPlace(f"`{path}` is no number, which this comparison needs", "op")
        for one in wanted:
            if type(one) is not type(example):
                raise WrongPlace(
                    f"`{path}` is {_kind_of(example)} and can never be {one!r}", "value"
                )

    def _list(self, data: Mapping[str, Any], key: str) -> list[Condition]:
        self.only(data, {key})
        inner = data[key]
        if not isinstance(inner, list) or not inner:
            raise WrongPlace(f"`{key}` is a list of conditions", key)
        found = []
        for index, one in enumerate(inner):
            try:
                found.append(self.read(one))
            except WrongPlace as problem:
                raise problem.below(key, index) from None
        return found

    def _inner(self, data: Mapping[str, Any], key: str, allowed: set[str]) -> Condition:
        self.only(data, allowed)
        try:
            return self.read(data[key])
        except WrongPlace as problem:
            raise problem.below(key) from None

    def _ever(self, data: Mapping[str, Any]) -> Condition:
        condition = self._inner(data, "ever", {"ever"})
        self._evers += 1
        return Ever(condition, self._evers)

    def _elements(self, data: Mapping[str, Any], kind: str) -> Condition:
        allowed = {kind, "where"} | ({"op", "value"} if kind == "count" else set())
        self.only(data, allowed)
        path = self.path(data, kind)
        where = self.where(data, path)
        op, value = data.get("op", ">="), data.get("value", 1)
        if op not in ("==", "!=", "<", "<=", ">", ">="):
            raise WrongPlace(f"`{op}` does not compare numbers", "op")
        if isinstance(value, bool) or not isinstance(value, int):
            raise WrongPlace("a number of elements is a whole number", "value")
        return Elements(path, where, kind, op, value)


def _kind_of(example: Any) -> str:
    if isinstance(example, bool):
        return "true or false"
    if isinstance(example, int):
        return "a number"
    return "text" if isinstance(example, str) else "no single value"
