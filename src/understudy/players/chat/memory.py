"""What a chat player remembers: notes of this session, and lessons of earlier ones.

A session's own memory is the database that the loop keeps a copy of before and after it. Lessons
are taken from a file that lies between the sessions, and what was learned goes back there. Several
processes may do so at once: each only adds what is new.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

FILE_NAME = "chat_memory.sqlite"
MOST_LESSONS = 200
"""Lessons of one game that are kept; those not met for longest go first."""
SHOWN_LESSONS = 12
SHOWN_NOTES = 10
SHOWN_CHARACTERS = 1_500
"""Of notes, and of lessons, in one prompt."""
_PATIENCE_S = 30.0

_TABLES = (
    "CREATE TABLE IF NOT EXISTS notes (step INTEGER NOT NULL, text TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS lessons (
        game TEXT NOT NULL,
        task TEXT NOT NULL,
        text TEXT NOT NULL,
        times INTEGER NOT NULL,
        last REAL NOT NULL,
        PRIMARY KEY (game, text)
    )""",
)
_LEARN = """INSERT INTO lessons VALUES (?, ?, ?, 1, ?)
    ON CONFLICT (game, text) DO UPDATE SET
        times = times + 1, last = excluded.last, task = excluded.task"""


class ChatMemory:
    """The memory of one session. ``masked`` takes out of a text what must not be kept."""

    def __init__(
        self,
        session: sqlite3.Connection,
        *,
        game: str,
        task: str,
        folder: Path | None,
        masked: Callable[[str], str],
    ) -> None:
        """``task`` is what is asked, in words. Without a folder nothing outlives the session.

        Raises sqlite3.Error or OSError when the lessons cannot be read.
        """
        self._session = session
        self._game = game
        self._task = " ".join(task.split())
        self._folder = folder
        self._masked = masked
        self._learned: list[str] = []
        session.execute(_TABLES[0])
        session.execute(_TABLES[1])
        if folder is not None:
            with _long_term(folder) as kept:
                rows = kept.execute("SELECT * FROM lessons WHERE game = ?", (game,)).fetchall()
            session.executemany("INSERT OR IGNORE INTO lessons VALUES (?, ?, ?, ?, ?)", rows)

    def note(self, step: int, text: str) -> None:
        """Remember something, unless it is known already."""
        text = self._masked(text)
        known = self._session.execute("SELECT 1 FROM notes WHERE text = ?", (text,)).fetchone()
        if text and not known:
            self._session.execute("INSERT INTO notes VALUES (?, ?)", (step, text))
            self._learned.append(text)

    def notes(self) -> str:
        """The latest notes for a prompt, oldest first."""
        rows = self._session.execute(
            "SELECT text FROM notes ORDER BY rowid DESC LIMIT ?", (SHOWN_NOTES,)
        ).fetchall()
        return "\n".join(reversed(_lines(rows))) or "none"

    def lessons(self) -> str:
        """What earlier sessions learned: of the same task first, then the latest."""
        rows = self._session.execute(
            "SELECT text FROM lessons WHERE game = ? ORDER BY task = ? DESC, last DESC, text"
            " LIMIT ?",
            (self._game, self._task, SHOWN_LESSONS),
        ).fetchall()
        return "\n".join(_lines(rows)) or "nothing yet"

    def learn_way(self, actions: Sequence[str]) -> None:
        """Remember that these actions did what was asked."""
        runs = [(name, len(list(run))) for name, run in groupby(actions)]
        way = ", ".join(name if times == 1 else f"{name} x{times}" for name, times in runs)
        text = self._masked(f'"{self._task}" was done in {len(actions)} steps: {way}')
        if len(text) <= SHOWN_CHARACTERS // 2:
            self._learned.append(text)

    def keep(self) -> None:
        """Put what was learned where later sessions find it.

        Raises sqlite3.Error or OSError when it cannot be written.
        """
        now = time.time()
        rows = [(self._game, self._task, text, now) for text in self._learned]
        self._learned = []
        self._session.executemany(_LEARN, rows)
        if self._folder is None or not rows:
            return
        with _long_term(self._folder) as kept:
            kept.execute("BEGIN IMMEDIATE")
            kept.executemany(_LEARN, rows)
            kept.execute(
                "DELETE FROM lessons WHERE game = ? AND text NOT IN (SELECT text FROM lessons"
                " WHERE game = ? ORDER BY last DESC, times DESC LIMIT ?)",
                (self._game, self._game, MOST_LESSONS),
            )
            kept.execute("COMMIT")


@contextlib.contextmanager
def _long_term(folder: Path) -> Iterator[sqlite3.Connection]:
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / FILE_NAME, timeout=_PATIENCE_S, isolation_level=None)
    with contextlib.closing(connection):
        connection.execute(_TABLES[1])
        yield connection


def _lines(rows: list[tuple[str]]) -> list[str]:
    """As many as fit, the first ones first."""
    lines: list[str] = []
    left = SHOWN_CHARACTERS
    for (text,) in rows:
        left -= len(text) + 2
        if left < 0:
            break
        lines.append(f"- {text}")
    return lines
