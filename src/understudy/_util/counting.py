"""Numbers with their nouns, for whatever speaks to people."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """``1 session``, ``2 sessions``, ``1,000 entries``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
