"""Fits what a caller handed over to the types that the record has.

A line or a header that could not be read back would cost the whole session when it is sealed or
opened, so what does not fit its field is kept beside it rather than in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import msgspec

from understudy.session.recording.plain import encode, to_plain
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


def fit_header(given: dict[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """What a session is begun with, of the types that ``session.json`` is read back with.

    None stands for nothing given; another type is turned into text or left out, and reported.
    """
    plain = msgspec.json.decode(encode(to_plain(given, report), report))
    texts = {
        name: _text(name, plain[name], report)
        for name in ("name", "game", "task", "player", "model", "license", "consent")
    }
    tags, metadata, tick_hz = plain["tags"], plain["metadata"], plain["tick_hz"]
    if tags is not None and not isinstance(tags, list):
        tags = [tags]
    if metadata is not None and not isinstance(metadata, dict):
        report("the metadata of a session is no mapping; it was kept under that name")
        metadata = {"metadata": metadata}
    if tick_hz is not None and not (isinstance(tick_hz, int | float) and tick_hz > 0):
        report(f"tick_hz is {tick_hz!r}, which is no number above zero; gaps are not marked")
        tick_hz = None
    if plain["durability"] not in (None, "step", "interval"):
        report(f"durability is {plain['durability']!r}, which is neither 'step' nor 'interval'")
        plain["durability"] = None
    return {
        **texts,
        "model": texts["model"] or None,
        "tags": [_text("a tag", tag, report) for tag in tags or ()],
        "metadata": metadata or {},
        "tick_hz": tick_hz,
        "durability": plain["durability"],
    }


def _text(name: str, value: Any, report: Callable[[str], None]) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    report(f"{name} of a session is no text; it was kept as its JSON")
    return msgspec.json.encode(value).decode()


def _fit(value: Any, wanted: Any) -> Any:
    try:
        msgspec.convert(value, type=wanted)
    except msgspec.ValidationError:
        if isinstance(value, dict | list):
            raise
        return msgspec.convert(value, type=wanted, strict=False)
    return value
