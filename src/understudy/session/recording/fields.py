"""Fits what a caller handed over to the types that a line of the trace has.

A line that could not be read back would cost the whole session when it is sealed or opened, so
what does not fit its field is kept beside it rather than in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import msgspec

from understudy.session.steps import AgentStep, ChatStep, EventStep

_LINES = {"step": AgentStep, "chat": ChatStep, "event": EventStep}
_TYPES = {kind: get_type_hints(line) for kind, line in _LINES.items()}
_OPEN = {"step": "facts", "chat": "call", "event": "facts"}
"""The field of each kind of line that takes anything, by name."""
_ALWAYS_THERE: dict[str, dict[str, Any]] = {"chat": {"messages": []}}
"""What stands in a field that every line of its kind has, when nothing that fits was given."""


def fit_fields(kind: str, plain: dict[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """``plain`` with every field of the type it is read back as.

    Numbers and truth values that were given as another type are converted; where a text belongs,
    anything else is kept as JSON text; what still does not fit goes by its name into the field
    that takes anything. ``report`` is called with a sentence for each field of the last two kinds.
    """
    types = _TYPES[kind]
    fitted = dict(_ALWAYS_THERE.get(kind, {}))
    misfits: dict[str, Any] = {}
    for name, value in plain.items():
        try:
            fitted[name] = _fit(value, types[name])
        except msgspec.ValidationError as error:
            report(f"{name} of a {kind} is not what it should be ({error}); it was kept as it is")
            if str in (types[name], *get_args(types[name])):
                fitted[name] = msgspec.json.encode(value).decode()
            else:
                misfits[name] = value
    if misfits:
        fitted[_OPEN[kind]] = {**fitted.get(_OPEN[kind], {}), **misfits}
    return fitted


def _fit(value: Any, wanted: Any) -> Any:
    try:
        msgspec.convert(value, type=wanted)
    except msgspec.ValidationError:
        if isinstance(value, dict | list):
            raise
        return msgspec.convert(value, type=wanted, strict=False)
    return value
