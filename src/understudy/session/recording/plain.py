"""From whatever a caller hands over to plain JSON data, never raising for a bad value.

What has no JSON form is kept as its ``repr`` and reported, so that one odd object costs itself
and not the step it stood in.
"""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

import msgspec

_LONGEST_REPR = 500


def to_plain(value: Any, report: Callable[[str], None]) -> Any:
    """``value`` as dicts, lists, strings, numbers, booleans and None.

    ``report`` is called with a sentence for every part that has no JSON form. Raises only what a
    structure without end raises (RecursionError).
    """

    def convert(part: Any) -> Any:
        for method in ("item", "tolist"):  # NumPy scalars and arrays, tensors
            if hasattr(part, method) and (method == "tolist" or getattr(part, "ndim", None) == 0):
                return getattr(part, method)()
        if hasattr(part, "model_dump"):
            return part.model_dump(mode="json")
        if isinstance(part, PathLike):
            return str(part)
        report(f"a value of type {type(part).__name__} has no JSON form; its text was kept instead")
        return _safe_repr(part)

    try:
        return msgspec.to_builtins(value, enc_hook=convert, str_keys=True)
    except RecursionError:
        raise
    except Exception:  # a stranger's object: keys, iteration or conversion may raise anything
        report(f"a value of type {type(value).__name__} could not be converted; its text was kept")
        return _safe_repr(value)


def encode(plain: Any, report: Callable[[str], None]) -> bytes:
    """``plain`` as JSON bytes; lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    try:
        return msgspec.json.encode(plain)
    except UnicodeEncodeError:
        report("a text holds half a character (a lone surrogate); it was replaced by U+FFFD")
        return msgspec.json.encode(_without_surrogates(msgspec.to_builtins(plain)))


def _safe_repr(value: Any) -> str:
    try:
        return repr(value)[:_LONGEST_REPR]
    except Exception:
        return f"<{type(value).__name__}>"


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_without_surrogates(part) for part in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(part) for key, part in value.items()}
    return value
