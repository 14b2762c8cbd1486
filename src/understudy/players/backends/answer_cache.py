"""Answers of a model server on disk, so that the same question is paid for once.

Keys are hashes, so what was asked cannot be read from the file. It is bounded: what was not used
for longest goes first. A cache that fails is no reason to stop playing; it is logged and left out.
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

logger = logging.getLogger("understudy.players")

FILE_NAME = "chat_cache.sqlite"
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of answers that are kept."""
_ROW_BYTES = 200
"""What an answer takes beside its text, about."""
_PATIENCE_S = 10.0


class AnswerCache:
    """Texts by key; may be used by several processes at once."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._database: sqlite3.Connection | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                folder / FILE_NAME,
                timeout=_PATIENCE_S,
                isolation_level=None,
                check_same_thread=False,
            )
            database.execute(
                "CREATE TABLE IF NOT EXISTS answers"
                " (key TEXT PRIMARY KEY, text TEXT NOT NULL, size INTEGER NOT NULL,"
                " used REAL NOT NULL)"
            )
            database.execute("CREATE INDEX IF NOT EXISTS answers_used ON answers (used, size)")
            self._database = database
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def get(self, key: str, now: float) -> str | None:
        """The text kept under ``key``."""
        if self._database is None:
            return None
        try:
            row = self._database.execute(
                "UPDATE answers SET used = ? WHERE key = ? RETURNING text", (now, key)
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(error)
            return None
        return str(row[0]) if row else None

    def put(self, key: str, text: str, now: float) -> None:
        """Keep ``text``, and let go of what there is no more room for."""
        size = len(text.encode("utf-8", "surrogatepass")) + _ROW_BYTES
        if self._database is None or size > self._most_bytes:
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (key, text, size, now)
            )
            (total,) = self._database.execute("SELECT total(size) FROM answers").fetchone()
            while total > self._most_bytes:
                (freed,) = self._database.execute(
                    "DELETE FROM answers WHERE key = (SELECT key FROM answers WHERE key != ?"
                    " ORDER BY used LIMIT 1) RETURNING size",
                    (key,),
                ).fetchone()
                total -= freed
            self._database.execute("COMMIT")
        except (sqlite3.Error, UnicodeError) as error:
            self._give_up(error)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _give_up(self, error: Exception) -> None:
        logger.warning("the cache of answers is not used: %s", error)
        self.close()
