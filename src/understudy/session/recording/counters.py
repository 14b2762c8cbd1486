"""How much a recorder was given, how much it kept, and what it lost and why."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

logger = logging.getLogger("understudy.session")

KEPT_REASONS = 16


class Counters:
    """``seen = stored + dropped + pending``; once a session is sealed nothing is pending.

    Counts frames, steps, chats and events alike, each as one. Safe to read from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.stored = 0
        self.dropped = 0
        self.bad_values = 0
        """Single values that were left out of a frame or step that was otherwise kept."""
        self.masked: Counter[str] = Counter()
        """How many findings of each kind were masked before they reached the disk."""
        self.reasons: Counter[str] = Counter()
        """Why things were dropped or left out, each with how often."""
        self.last_error: str | None = None
        self._seen_trace = 0
        self.frames_seen: Callable[[], int] = lambda: 0
        """Where the running number of frames is read: a call for each frame would cost too much."""

    @property
    def seen(self) -> int:
        return self._seen_trace + self.frames_seen()

    @property
    def pending(self) -> int:
        return self.seen - self.stored - self.dropped

    def see_trace(self) -> None:
        with self._lock:
            self._seen_trace += 1

    def store(self, count: int = 1) -> None:
        with self._lock:
            self.stored += count

    def drop(self, count: int, reason: str) -> None:
        with self._lock:
            self.dropped += count
            first = self._note(reason, count)
        if first:
            logger.warning("recording drops data: %s", reason)

    def leave_out(self, reason: str) -> None:
        """Count one value that could not be kept while its record was."""
        with self._lock:
            self.bad_values += 1
            first = self._note(reason, 1)
        if first:
            logger.warning("recording leaves out a value: %s", reason)

    def add_masked(self, counts: Counter[str]) -> None:
        if counts:
            with self._lock:
                self.masked.update(counts)

    def fail(self, reason: str) -> None:
        """Note an error that lost nothing that was counted as seen."""
        with self._lock:
            self.last_error = reason
        logger.warning("recording: %s", reason)

    def _note(self, reason: str, count: int) -> bool:
        self.last_error = reason
        first = reason not in self.reasons
        if first and len(self.reasons) >= KEPT_REASONS:
            reason = "other reasons"
            first = reason not in self.reasons
        self.reasons[reason] += count
        return first

    def facts(self) -> dict[str, Any]:
        """Plain data for manifests and commands."""
        return {
            "seen": self.seen,
            "stored": self.stored,
            "dropped": self.dropped,
            "bad_values": self.bad_values,
            "masked": dict(self.masked),
            "reasons": dict(self.reasons),
            "last_error": self.last_error,
        }

    def __repr__(self) -> str:
        return f"Counters(seen={self.seen}, stored={self.stored}, dropped={self.dropped})"
