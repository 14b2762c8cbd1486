"""JSON as it really arrives: broken characters, foreign objects, arguments that are no JSON.

What leaves this module can be written as UTF-8 JSON again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode

LEFT_OUT = object()
"""What ``plain`` gives for a value that says "not given"."""


def decode(data: bytes) -> Any:
    """The value of a JSON text; bytes that are no UTF-8 are replaced, not refused.

    Half of a surrogate pair is let through, because its other half may stand in the next piece:
    ``writable`` puts them together. ValueError when the text is not JSON.
    """
    try:
        return _decode(data)
    except (ValueError, RecursionError):
        return _decode_broken(data)


def decode_writable(data: bytes) -> Any:
    """As ``decode``, but with every string of the value writable as UTF-8."""
    try:
        return _decode(data)
    except (ValueError, RecursionError):
        return writable(_decode_broken(data))


def _decode_broken(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def encode_text(value: Any) -> str:
    """A plain value as compact JSON text."""
    return _encode(value).decode()


def encode_sorted(value: Any) -> str:
    """A plain value as JSON text that is the same for equal values."""
    return _encode_sorted(writable(value)).decode()


def writable(value: Any) -> Any:
    """The same plain value with every string writable as UTF-8; the same object if it was."""
    try:
        _encode(value)
    except UnicodeEncodeError:
        return _mended(value)
    return value


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return value


def plain(value: Any) -> Any:
    """The JSON value of what a Python client was given or gave back.

    Models with ``model_dump`` are dumped as they would be sent, mappings and sequences walked,
    classes and anything else named in words. Markers for "not given" come back as ``LEFT_OUT``
    and are dropped from mappings and sequences.
    """
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        items = ((str(key), plain(item)) for key, item in value.items())
        return {key: item for key, item in items if item is not LEFT_OUT}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [item for item in map(plain, value) if item is not LEFT_OUT]
    if isinstance(value, type):
        return value.__name__
    if type(value).__name__ in ("NotGiven", "Omit"):
        return LEFT_OUT
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return plain(dump(mode="json", by_alias=True, exclude_unset=True, warnings=False))
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return str(value)
