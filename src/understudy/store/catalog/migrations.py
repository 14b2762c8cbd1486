"""Numbered changes of the catalog's tables, each applied once, under a lock.

Written as plain SQL that SQLite and PostgreSQL both read, so that an old number never changes
when ``schema`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from understudy.errors import CatalogError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SESSIONS = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    directory TEXT NOT NULL,
    name TEXT NOT NULL,
    game TEXT NOT NULL,
    task TEXT NOT NULL,
    player TEXT NOT NULL,
    model TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    started TEXT NOT NULL,
    started_at DOUBLE PRECISION NOT NULL,
    ended TEXT,
    duration_s DOUBLE PRECISION,
    steps BIGINT NOT NULL,
    chats BIGINT NOT NULL,
    frames BIGINT NOT NULL,
    images BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    dropped BIGINT NOT NULL,
    masked BIGINT NOT NULL,
    human_score DOUBLE PRECISION,
    auto_score DOUBLE PRECISION,
    success BOOLEAN,
    tags TEXT NOT NULL,
    license TEXT NOT NULL,
    consent TEXT NOT NULL,
    archived BOOLEAN NOT NULL,
    sealed_sha256 TEXT,
    schema INTEGER NOT NULL
)
"""


def _1_sessions(connection: Connection) -> None:
    connection.exec_driver_sql(_SESSIONS)
    connection.exec_driver_sql("CREATE INDEX sessions_by_start ON sessions (started_at)")
    connection.exec_driver_sql("CREATE INDEX sessions_by_directory ON sessions (directory)")
    connection.exec_driver_sql(
        "CREATE TABLE session_tags"
        " (session TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (session, tag))"
    )


def _2_play(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE sessions ADD COLUMN task_id TEXT NOT NULL DEFAULT ''")
    connection.exec_driver_sql("ALTER TABLE sessions ADD COLUMN play TEXT")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_1_sessions, _2_play)
CATALOG_SCHEMA = len(MIGRATIONS)
READ_SCHEMA = "SELECT value FROM meta WHERE key = 'schema'"


def stored_schema(connection: Connection) -> int:
    """The number of the last migration applied; 0 for an empty database."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table("meta"):
        return 0
    value = connection.exec_driver_sql(READ_SCHEMA).scalar()
    return int(value) if value is not None else 0


def refuse_newer(schema: int, where: str) -> None:
    """Raise CatalogError when a later version made the catalog at ``where``."""
    if schema > CATALOG_SCHEMA:
        raise CatalogError(
            f"the catalog {where} has schema {schema} and this Understudy knows up to "
            f"{CATALOG_SCHEMA}; update Understudy to use it"
        )


def migrate(connection: Connection, where: str) -> None:
    """Bring the tables up to date, in the caller's transaction, which must exclude all others."""
    schema = stored_schema(connection)
    refuse_newer(schema, where)
    if schema == 0:
        connection.exec_driver_sql(
            "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
        )
    for migration in MIGRATIONS[schema:]:
        migration(connection)
    connection.exec_driver_sql("DELETE FROM meta WHERE key = 'schema'")
    written = f"INSERT INTO meta (key, value) VALUES ('schema', '{CATALOG_SCHEMA}')"  # noqa: S608
    connection.exec_driver_sql(written)
