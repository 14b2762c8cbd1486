"""Are the calls of an answer the ones that are due? Judged call by call, and by what comes of them.

The first way follows the Berkeley function-calling leaderboard: number of calls, names, required
and unexpected arguments, types, and values against sets of acceptable ones; an order only where the
case has one. The second carries the calls out and compares the table afterwards, so that two calls
of -3 and -4 hit points are as good as one of -7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from understudy.chat.record import Message
from understudy.chat.tools.registry import TOOLS, Call, ToolRegistry, Value
from understudy.evaluate.cases import Case, ExpectedCall
from understudy.evaluate.given_calls import Failure, GivenCall, calls_given

Execute = Callable[[Mapping[str, Any], Sequence[Call]], Any]
"""Carries calls out at the table of `Case.known`; returns the state afterwards, to be compared."""


class CallScore(msgspec.Struct, frozen=True, kw_only=True):
    """How the calls of one answer were judged."""

    right: bool
    failures: tuple[Failure, ...] = ()
    given: int = 0
    """Calls that were attempted, in whatever form."""
    readable: int = 0
    """Those of them that the tools' schemas accept."""
    state: bool | None = None
    """Whether the table is afterwards as it should be; None where nobody carried them out."""


def score_calls(
    case: Case,
    answer: str | Message,
    registry: ToolRegistry = TOOLS,
    *,
    execute: Execute | None = None,
) -> CallScore:
    """The score of ``answer``, a text with calls in brackets or a message with ``tool_calls``.

    Raises nothing, whatever the answer is. What is right by its calls is right by its state too.
    """
    given = calls_given(answer, registry)
    failures = tuple(_failures(case, given))
    state: bool | None = None
    if execute is not None:
        carried_out = [call for one in given if (call := one.call) is not None]
        due = [one.canonical() for one in case.expected]
        state = not failures or execute(case.known, carried_out) == execute(case.known, due)
    return CallScore(
        right=not failures,
        failures=failures,
        given=len(given),
        readable=sum(one.call is not None for one in given),
        state=state,
    )


def _failures(case: Case, given: list[GivenCall]) -> Iterator[Failure]:
    expected = case.expected
    if not expected:
        for one in given:
            yield Failure("called_without_need", f"{one.shown}: no call is due")
        return
    if len(given) != len(expected):
        yield Failure("wrong_count", f"{len(given)} called, {len(expected)} due")
    elif case.ordered and all(map(_fits, expected, given)):
        return
    matched = _matched(expected, given)
    if len(matched) == len(expected) == len(given):
        if case.ordered:
            yield Failure("wrong_order", "all calls that are due, in another order")
        return
    spare = [number for number in range(len(given)) if number not in matched.values()]
    for number, wanted in enumerate(expected):
        if number in matched or not spare:
            continue
        nearest = min(spare, key=lambda place: _distance(wanted, given[place]))
        spare.remove(nearest)
        yield from _differences(wanted, given[nearest])


def _matched(expected: Sequence[ExpectedCall], given: Sequence[GivenCall]) -> dict[int, int]:
    """As many of the expected calls as possible, each with a given one that fits it."""
    taken: dict[int, int] = {}

    def place(wanted: int, tried: set[int]) -> bool:
        for number, one in enumerate(given):
            if number in tried or not _fits(expected[wanted], one):
                continue
            tried.add(number)
            if number not in taken or place(taken[number], tried):
                taken[number] = wanted
                return True
        return False

    for wanted in range(len(expected)):
        place(wanted, set())
    return {wanted: number for number, wanted in taken.items()}


def _fits(wanted: ExpectedCall, given: GivenCall) -> bool:
    return next(_differences(wanted, given), None) is None


def _distance(wanted: ExpectedCall, given: GivenCall) -> tuple[bool, int]:
    return given.name != wanted.name, sum(1 for _ in _differences(wanted, given))


def _differences(wanted: ExpectedCall, given: GivenCall) -> Iterator[Failure]:
    if given.name != wanted.name:
        if given.faults and given.faults[0].type in ("malformed", "wrong_name"):
            yield given.faults[0]
        else:
            yield Failure("wrong_name", f"{given.shown}: {wanted.name} is due")
        return
    yield from given.faults
    for name, values in wanted.arguments.items():
        if name in given.values:
            if not any(_same(given.values[name], value) for value in values):
                due = " or ".join(map(str, values))
                yield Failure("wrong_value", f"{name} is {given.values[name]}, and {due} is due")
        elif not given.faults:
            yield Failure("missing_argument", f"{name} is missing")
    for name in given.values:
        if name not in wanted.arguments:
            yield Failure("unexpected_argument", f"{name} is given, and none is due")


def _same(given: Value, acceptable: Value) -> bool:
    """Numbers as numbers, words in any case and with any spaces."""
    if isinstance(given, int) and isinstance(acceptable, int):
        return given == acceptable
    return _folded(given) == _folded(acceptable)


def _folded(value: Value) -> str:
    return " ".join(str(value).casefold().split())
