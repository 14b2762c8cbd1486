"""JSON files that carry a checksum of themselves, for what other checksums hang on.

The last member, ``"checksum"``, is the SHA-256 of every byte before it. Any JSON reader reads the
file; one flipped bit, in white space too, is found.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from understudy.store.atomic import write_atomic
from understudy.store.hashes import sha256_bytes

_MARK = b',\n  "checksum": "'
_END = b'"\n}\n'
_TAIL_LENGTH = len(_MARK) + 64 + len(_END)


def sealed_json(obj: Any) -> bytes:
    """A non-empty JSON object (or struct), indented, with its checksum as the last member."""
    pretty = msgspec.json.format(msgspec.json.encode(obj), indent=2)
    body = pretty.removesuffix(b"\n}")
    return body + _MARK + sha256_bytes(body).encode() + _END


def write_sealed_json(path: Path, obj: Any, *, sync: bool = True) -> None:
    """Write ``obj`` with its checksum in one step. Raises StorageError."""
    write_atomic(path, sealed_json(obj), sync=sync)


def seal_holds(data: bytes) -> bool:
    """Whether ``data`` is byte for byte what ``sealed_json`` made."""
    body, tail = data[:-_TAIL_LENGTH], data[-_TAIL_LENGTH:]
    return tail == _MARK + sha256_bytes(body).encode() + _END
