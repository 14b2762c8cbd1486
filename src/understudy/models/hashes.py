"""Which examples a model has learned from, by the hashes of their content, in a sorted text file.

So that what is new since a version is known by content, whatever its files are called and whenever
they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from understudy.errors import CorruptionError, StorageError
from understudy.store.atomic import write_atomic

_HASH = re.compile(r"[0-9a-f]{32}")


def write_hashes(path: Path, hashes: Iterable[str]) -> int:
    """Write each of ``hashes`` (32 hex digits) once, a line each; returns how many there are."""
    lines = sorted(set(hashes))
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode())
    return len(lines)


def read_hashes(path: Path) -> set[str]:
    """The hashes of such a file. Raises StorageError, and CorruptionError for anything else."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{path} cannot be read ({reason}); check its permissions") from error
    for number, line in enumerate(lines, start=1):
        if not _HASH.fullmatch(line):
            raise CorruptionError(
                f"line {number} of {path} is no hash of an example; take it back from a copy"
            )
    return set(lines)
