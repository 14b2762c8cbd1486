"""How one element of the pretty array file is laid out, and how its text is read.

The layout is the one of ``json.dump(examples, file, indent=2, ensure_ascii=False)``, byte for
byte. msgspec writes it seven times faster; only where its numbers would be spelled differently
(floats, integers beyond 64 bits) does the standard library write.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from understudy.errors import FormatError

OPEN = b"["
CLOSE = b"\n]"
BETWEEN = b","

_INT64 = range(-(2**63), 2**64)


def _needs_standard_library(value: Any, where: str) -> bool:
    """Whether msgspec would spell ``value`` differently; FormatError when it is not JSON."""
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return False
    if isinstance(value, dict):
        slow = False
        for key, member in value.items():
            if not isinstance(key, str):
                raise FormatError(
                    f"{where} holds the key {key!r}, which is no text; JSON keys must be text"
                )
            slow |= _needs_standard_library(member, where)
        return slow
    if isinstance(value, (list, tuple)):
        slow = False
        for member in value:
            slow |= _needs_standard_library(member, where)
        return slow
    if isinstance(value, int):
        return value not in _INT64
    if isinstance(value, float):
        return True
    raise FormatError(
        f"{where} holds a {type(value).__name__}, which JSON cannot express; convert it to text, "
        "numbers, lists or dictionaries first"
    )


def encode_compact(value: Any, *, where: str = "the example") -> bytes:
    """``value`` on one line, for JSON lines. Raises FormatError when JSON cannot express it."""
    try:
        if _needs_standard_library(value, where):
            return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        # Half a surrogate pair has no UTF-8; escaped, every JSON reader still gets it back.
        return json.dumps(value, allow_nan=False).encode()
    except RecursionError:
        raise FormatError(f"{where} is nested too deeply to be written as JSON") from None
    except ValueError as error:
        raise FormatError(f"{where} cannot be written as JSON: {error}") from error


def encode_alone(value: Any, *, where: str = "the example") -> bytes:
    """An array file with ``value`` as its only element. Raises FormatError as `encode_compact`."""
    compact = encode_compact([value], where=where)
    try:
        return msgspec.json.format(compact, indent=2)
    except msgspec.MsgspecError:
        # msgspec refuses the escaped half surrogates that Python writes and reads.
        return json.dumps([value], indent=2, allow_nan=False).encode()


def encode_element(value: Any, *, where: str = "the example") -> bytes:
    """``value`` as it stands in the array, from the line break before it to its last character."""
    return encode_alone(value, where=where)[len(OPEN) : -len(CLOSE)]


def decode_element(raw: bytes) -> Any:
    """The value of one element's text; ValueError when it is not JSON.

    What only Python's ``json`` reads (NaN, escaped half surrogates) is read too, because Python's
    ``json`` wrote the files that are continued here.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError):
        try:
            return json.loads(raw.decode("utf-8"))
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


def check_element(raw: bytes) -> None:
    """As `decode_element`, without building the value: three times faster."""
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
        raw.decode("utf-8")
    except (msgspec.MsgspecError, ValueError):
        decode_element(raw)
