"""Which version of a model is in use, and which were before: a history that only grows.

``models/NAME/promotions.jsonl`` holds a checked line for each change. A promotion puts a version in
use, a rollback takes the last one out of use again; what stands is found by reading them in order.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from understudy.errors import CorruptionError, NewerSchemaError
from understudy.store.appending import append_checked
from understudy.store.checked_lines import scan_lines, whole_lines

FILE_NAME = "promotions.jsonl"
_SCHEMA = 1


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the version in use."""

    action: Literal["promote", "rollback"]
    version: str
    """What was put in use, or taken out of use."""
    reason: str
    time: str
    """ISO 8601, UTC."""
    schema: int = _SCHEMA


def history(folder: Path) -> list[Promotion]:
    """Every change of the model in ``folder``, oldest first.

    Raises CorruptionError for a line that was changed, NewerSchemaError for a later version's.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return []
    damaged = scan_lines(path).damaged
    if damaged:
        raise CorruptionError(
            f"line {damaged[0]} of {path} does not match its checksum, so the version in use is "
            "not known; take the file back from a copy, or remove that line"
        )
    changes = []
    for number, line in enumerate(whole_lines(path), start=1):
        change = msgspec.json.decode(line, type=Promotion)
        if change.schema > _SCHEMA:
            raise NewerSchemaError(
                f"line {number} of {path} has schema {change.schema} and this Understudy knows up "
                f"to {_SCHEMA}; update Understudy to use it"
            )
        changes.append(change)
    return changes


def standing(folder: Path) -> list[str]:
    """The versions that were promoted and not rolled back, in order; the last one is in use."""
    found: list[str] = []
    for change in history(folder):
        if change.action == "promote":
            found.append(change.version)
        elif change.version in found:
            # What was promoted again since goes with it: it is what was found to be bad.
            found = [version for version in found if version != change.version]
    return found


def note(folder: Path, action: Literal["promote", "rollback"], version: str, reason: str) -> None:
    """Add a change to the history. Raises StorageError as the disk does."""
    change = Promotion(
        action=action,
        version=version,
        reason=reason,
        time=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    append_checked(folder / FILE_NAME, [change])
