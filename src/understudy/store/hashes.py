"""SHA-256 as everything on disk is named and checked by, in lower-case hex."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_bytes(data: bytes | bytearray | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Of the file's content, read in pieces. Raises OSError as the file system does."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
