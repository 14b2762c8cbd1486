"""What an answer tries to call, well-formed or not, and what is wrong with the form of each call.

Calls stand in brackets in the words, or, from a model that was asked with JSON tools, apart from
them as ``tool_calls``. Nothing here raises, whatever a model wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from understudy.chat import json_values
from understudy.chat.messages import text_of
from understudy.chat.record import Message
from understudy.chat.tools.bracket import read_brackets, split_values
from understudy.chat.tools.registry import Argument, Call, ToolRegistry, ToolSpec, Value

FailureType = Literal[
    "wrong_count",
    "wrong_name",
    "missing_argument",
    "unexpected_argument",
    "wrong_type",
    "wrong_value",
    "wrong_order",
    "called_without_need",
    "malformed",
]
FAILURE_TYPES: tuple[FailureType, ...] = (
    "wrong_count",
    "wrong_name",
    "missing_argument",
    "unexpected_argument",
    "wrong_type",
    "wrong_value",
    "wrong_order",
    "called_without_need",
    "malformed",
)
_LONGEST_SHOWN = 200


class Failure(msgspec.Struct, frozen=True):
    """One thing that is wrong with the calls of an answer."""

    type: FailureType
    detail: str
    """In words, with the call or argument that is meant."""


class GivenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it was attempted."""

    name: str
    values: dict[str, Value] = {}
    """The arguments that could be read."""
    faults: tuple[Failure, ...] = ()
    """Why the tool's schema refuses it; empty for a call that can be carried out."""
    shown: str
    """As it stands in the answer."""

    @property
    def call(self) -> Call | None:
        """The call to carry out; None where the schema refuses it."""
        return None if self.faults else Call(self.name, self.values)


def calls_given(answer: str | Message, registry: ToolRegistry) -> list[GivenCall]:
    """Every attempt to call a tool in ``answer``, in its order."""
    if isinstance(answer, str):
        return _in_brackets(answer, registry)
    found = _in_brackets(text_of(answer.get("content")), registry)
    attempted = answer.get("tool_calls")
    if isinstance(attempted, Sequence) and not isinstance(attempted, str):
        found += [_json_call(one, registry) for one in attempted]
    return found


def _in_brackets(text: str, registry: ToolRegistry) -> list[GivenCall]:
    reading = read_brackets(text, registry)
    found: list[tuple[int, GivenCall]] = []
    for placed in reading.calls:
        shown = text[placed.start : placed.end]
        given = GivenCall(
            name=placed.call.tool, values=placed.call.arguments, shown=_shortened(shown)
        )
        found.append((placed.start, given))
    for strange in reading.unknown:
        shown = _shortened(text[strange.start : strange.end])
        found.append((strange.start, _unknown(strange.name, shown)))
    for bad in reading.malformed:
        shown = text[bad.start : bad.end]
        found.append((bad.start, _refused(registry[bad.tool], shown, bad.reason)))
    return [given for _, given in sorted(found, key=lambda pair: pair[0])]


def _refused(tool: ToolSpec, shown: str, reason: str) -> GivenCall:
    """A call in brackets that the tool's schema refuses, with what is wrong, one by one."""
    short = _shortened(shown)
    if ":" not in shown or not shown.endswith("]"):
        return GivenCall(
            name=tool.name, faults=(Failure("malformed", f"{short}: {reason}"),), shown=short
        )
    given = split_values(shown[:-1].partition(":")[2])
    values: dict[str, Value] = {}
    faults: list[Failure] = []
    for argument, text in zip(tool.arguments, given, strict=False):
        _read(argument, text, values, faults)
    faults += (
        Failure("missing_argument", f"{argument.name} is missing")
        for argument in tool.arguments[len(given) :]
        if argument.required
    )
    faults += (
        Failure("unexpected_argument", f"{_shortened(text)!r} is one too many")
        for text in given[len(tool.arguments) :]
    )
    if not faults:
        faults.append(Failure("malformed", f"{short}: {reason}"))
    return GivenCall(name=tool.name, values=values, faults=tuple(faults), shown=short)


def _json_call(given: Any, registry: ToolRegistry) -> GivenCall:
    function = given.get("function") if isinstance(given, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        shown = _shortened(repr(given))
        return GivenCall(
            name="", faults=(Failure("malformed", f"{shown} names no function"),), shown=shown
        )
    name, arguments = function["name"], function.get("arguments")
    shown = _shortened(f"{name}({arguments})")
    tool = registry.get(name)
    if tool is None:
        return _unknown(name, shown)
    if isinstance(arguments, str):
        try:
            arguments = json_values.decode_writable(arguments.encode("utf-8", "replace") or b"{}")
        except ValueError:
            arguments = None
    if not isinstance(arguments, dict):
        fault = Failure("malformed", f"{shown}: its arguments are no JSON object")
        return GivenCall(name=tool.name, faults=(fault,), shown=shown)
    values: dict[str, Value] = {}
    faults: list[Failure] = []
    for argument in tool.arguments:
        value = arguments.get(argument.name)
        if value is not None:
            _read(argument, value, values, faults)
        elif argument.required:
            faults.append(Failure("missing_argument", f"{argument.name} is missing"))
    known = {argument.name for argument in tool.arguments}
    for extra in arguments:
        if extra not in known:
            detail = f"{_shortened(str(extra))!r} is no argument of {tool.name}"
            faults.append(Failure("unexpected_argument", detail))
    return GivenCall(name=tool.name, values=values, faults=tuple(faults), shown=shown)


def _unknown(name: str, shown: str) -> GivenCall:
    fault = Failure("wrong_name", f"there is no tool {_shortened(name)!r}")
    return GivenCall(name=name.lower(), faults=(fault,), shown=shown)


def _read(argument: Argument, given: Any, values: dict[str, Value], faults: list[Failure]) -> None:
    """Put the value into ``values``, or what is wrong with it into ``faults``."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        detail = f"{argument.name} is of the type {type(given).__name__}"
        faults.append(Failure("wrong_type", detail))
        return
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    text = str(given)
    if not text.strip():
        faults.append(Failure("missing_argument", f"{argument.name} is empty"))
        return
    try:
        values[argument.name] = argument.read(text)
    except ValueError as error:
        faults.append(Failure(_kind_of_refusal(argument, text), _shortened(str(error))))


def _kind_of_refusal(argument: Argument, text: str) -> FailureType:
    """A value out of bounds or beside the choices is of the right type, and still wrong."""
    if argument.kind in ("integer", "change"):
        number = text.strip().lstrip("+-−").strip()
        return "wrong_value" if number.isascii() and number.isdigit() else "wrong_type"
    return "wrong_type" if argument.kind == "dice" else "wrong_value"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
