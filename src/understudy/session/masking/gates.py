"""Cheap tests that tell clean text from text worth a closer look.

Masking runs on every recorded call and nearly all text is clean. Each gate is one or two passes in
C (``bytes.translate``, substring search, or a pattern that begins with a literal character and so
is searched with ``memchr``); a detector runs only when its gate is open. A gate may be open for
clean text, it must never be closed for text in which its detector would find something.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

TOKEN_RUN: Final = 20
"""Shortest run of token characters that a key of a known service or a bearer token has."""
DIGIT_RUN: Final = 7
"""Fewest digits of a phone number, however it is separated."""

_BLANK: Final = b" "[0]


def _class_table(members: bytes, mark: bytes) -> bytes:
    table = bytearray([_BLANK] * 256)
    for byte in members:
        table[byte] = mark[0]
    return bytes(table)


_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN_TABLE: Final = _class_table(_LETTERS + _DIGITS + b"_-", b"a")
_DIGIT_TABLE: Final = _class_table(_DIGITS, b"0")
# What may stand between the digits of one number; every non-ASCII byte too, for odd spaces.
_DIGIT_SEPARATORS: Final = b" ().-/\t" + bytes(range(128, 256))
_TOKEN_NEEDLE: Final = b"a" * TOKEN_RUN
_DIGIT_NEEDLE: Final = b"0" * DIGIT_RUN

_IPV4: Final = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]")
_IPV6: Final = re.compile(r":(?::[0-9a-fA-F]|[0-9a-fA-F]{1,4}:[0-9a-fA-F]{1,4}:)")

# A delimiter and a value that could be a secret: a digit or a sign in it, or very long.
_VALUE = (
    r"[=>:]?\s{0,3}[\\\"'`]{0,8}(?:(?:[Bb]earer|[Bb]asic|[Tt]oken) )?"
    r"(?=\S{0,64}?[0-9!#$%^&*?+~]|\S{16})\S{6}"
)
ASSIGNED: Final = (re.compile("=" + _VALUE), re.compile(":" + _VALUE))


class Gates(NamedTuple):
    """Which detectors have to run; all closed means the text is clean."""

    tokens: bool
    digits: bool
    at_sign: bool
    ipv4: bool
    ipv6: bool
    pem: bool
    assigned: bool
    spoken: bool


CLOSED: Final = Gates(False, False, False, False, False, False, False, False)


def has_token_run(text: str) -> bool:
    """Whether enough token characters stand together for a key, a token or binary data."""
    raw = text.encode("utf-8", "surrogatepass")
    return _TOKEN_NEEDLE in raw.translate(_TOKEN_TABLE)


def gates_of(text: str, *, tokens: bool) -> Gates:
    """The gates of a text; ``tokens`` is what :func:`has_token_run` said of it."""
    raw = text.encode("utf-8", "surrogatepass")
    return Gates(
        tokens=tokens,
        digits=_DIGIT_NEEDLE in raw.translate(_DIGIT_TABLE, _DIGIT_SEPARATORS),
        at_sign=b"@" in raw,
        ipv4=_IPV4.search(text) is not None,
        ipv6=_IPV6.search(text) is not None,
        pem=b"-----BEGIN" in raw,
        assigned=(ASSIGNED[0].search(text) or ASSIGNED[1].search(text)) is not None,
        spoken=b"password" in raw.lower(),
    )
