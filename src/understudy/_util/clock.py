"""The present time, as records write it."""

from __future__ import annotations

import datetime


def now_iso() -> str:
    """UTC, ISO 8601 with microseconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds")
