"""What calls to a model server have cost, and when the next may be made, over several processes.

One SQLite file that the workers of a batch share: a cap on spending and a rate limit mean nothing
when each process counts for itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from understudy.errors import PlayerError

FILE_NAME = "chat_ledger.sqlite"
_PATIENCE_S = 30.0
_KEPT_S = 400 * 86_400.0
"""An account that nothing was spent on for so long is forgotten."""
_LONGEST_QUEUE = 1000
"""More calls than this do not wait for their turn at once."""


class Ledger:
    """Accounts of money and of time. PlayerError when its file cannot be read or written."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder it counts in memory, for this process alone."""
        self._place = str(folder / FILE_NAME) if folder else ":memory:"
        with self._explained():
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            # Transactions are begun by hand: a limit is only one when looking and taking are one.
            self._database = sqlite3.connect(
                self._place, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS spending"
                " (account TEXT PRIMARY KEY, cost REAL NOT NULL, used REAL NOT NULL)"
            )
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS pace (server TEXT PRIMARY KEY, next REAL NOT NULL)"
            )

    def spent(self, account: str) -> float:
        """What the account has cost until now, whoever spent it."""
        with self._explained():
            row = self._database.execute(
                "SELECT cost FROM spending WHERE account = ?", (account,)
            ).fetchone()
        return float(row[0]) if row else 0.0

    def spend(self, account: str, cost: float, now: float) -> None:
        """Add ``cost`` to the account."""
        with self._explained(), self._transaction():
            self._database.execute("DELETE FROM spending WHERE used < ?", (now - _KEPT_S,))
            self._database.execute(
                "INSERT INTO spending VALUES (?, ?, ?) ON CONFLICT (account)"
                " DO UPDATE SET cost = cost + excluded.cost, used = excluded.used",
                (account, cost, now),
            )

    def reserve(self, server: str, interval_s: float, now: float) -> float:
        """Take the next free moment for a call to ``server``; the seconds until then."""
        with self._explained(), self._transaction():
            row = self._database.execute(
                "SELECT next FROM pace WHERE server = ?", (server,)
            ).fetchone()
            # A clock that was set back must not hold calls up for as long as it was set back.
            waiting = max(0.0, float(row[0]) - now) if row else 0.0
            if waiting > _LONGEST_QUEUE * interval_s:
                waiting = 0.0
            self._database.execute(
                "INSERT INTO pace VALUES (?, ?) ON CONFLICT (server)"
                " DO UPDATE SET next = excluded.next",
                (server, now + waiting + interval_s),
            )
        return waiting

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise PlayerError(
                f"{self._place}, which counts what calls cost, cannot be used ({error}); make room "
                "and see to its permissions, or remove the file to begin a new count"
            ) from error
