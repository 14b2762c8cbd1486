"""ULIDs: the identity of sessions, sortable by the time at which they were made.

Own code because a fork must not repeat an id, a clock that is set back must not break the order
within a process, and importing must cost nothing.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {digit: value for value, digit in enumerate(_ALPHABET)}
_LENGTH = 26
_RANDOM_BITS = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_lock = threading.Lock()
_last = 0
_last_pid = 0


def new_ulid() -> str:
    """A new id of 26 characters, greater than every one this process made before."""
    global _last, _last_pid
    milliseconds = time.time_ns() // 1_000_000
    with _lock:
        if _last_pid != os.getpid():
            _last, _last_pid = 0, os.getpid()
        fresh = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        # Counting on from the last id keeps the order within a millisecond and when the clock is
        # set back; a number that overflows its random part moves on into the next millisecond.
        same_or_earlier = milliseconds <= _last >> _RANDOM_BITS
        _last = _last + 1 + secrets.randbits(32) if same_or_earlier else fresh
        return _encode(_last)


def is_ulid(text: str) -> bool:
    """Whether ``text`` is a ULID as this module writes them (upper case)."""
    return len(text) == _LENGTH and text[0] in "01234567" and all(c in _VALUES for c in text)


def ulid_time(ulid: str) -> datetime:
    """When ``ulid`` was made, in UTC, to the millisecond. Raises ValueError for anything else."""
    if not is_ulid(ulid):
        raise ValueError(f"{ulid!r} is not a ULID")
    milliseconds = 0
    for digit in ulid[:10]:
        milliseconds = milliseconds << 5 | _VALUES[digit]
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _encode(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
