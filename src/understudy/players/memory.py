"""The memory database of a session: what is copied before and after it.

An SQLite database that lives in memory while the session is played. The loop keeps the game's
named memory in ``game_memory``; a player may have tables of its own beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

BEFORE, AFTER = "before_session.db", "after_session.db"


def open_memory() -> sqlite3.Connection:
    """An empty memory database."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE game_memory (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    return connection


def remember_game(connection: sqlite3.Connection, memory: Mapping[str, Any]) -> None:
    """Put the game's named memory, each value as JSON, in place of what was there."""
    rows = [(name, msgspec.json.encode(value).decode()) for name, value in memory.items()]
    connection.execute("BEGIN")
    connection.execute("DELETE FROM game_memory")
    connection.executemany("INSERT INTO game_memory VALUES (?, ?)", rows)
    connection.execute("COMMIT")
