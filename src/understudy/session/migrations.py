"""Schema versions of what a session writes, and how an older one is read.

Every record names the version it was written with. Reading an older record runs it through the
numbered functions from its version up; a newer one is refused, because guessing would lose data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from understudy.errors import CorruptionError, NewerSchemaError

SCHEMA = 1
"""The version this code writes: of ``session.json``, trace lines and feedback lines alike."""

Migration = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: Mapping[int, Migration] = {}
"""Version N → the function that turns a record of version N into one of version N + 1."""


def migrate(
    record: dict[str, Any],
    *,
    what: str,
    current: int = SCHEMA,
    migrations: Mapping[int, Migration] = MIGRATIONS,
) -> dict[str, Any]:
    """``record`` as version ``current``; ``what`` names it in the error for a newer one."""
    version = record.get("schema", current)
    if not isinstance(version, int) or (version < current and version not in migrations):
        raise CorruptionError(
            f"{what} names schema {version!r}, which never was; take it back from a copy"
        )
    if version > current:
        raise NewerSchemaError(
            f"{what} was written with schema {version} and this Understudy reads up to {current}; "
            "upgrade Understudy to read it"
        )
    while version < current:
        record = migrations[version](record)
        version += 1
        record["schema"] = version
    return record
