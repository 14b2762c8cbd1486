"""The connection to the catalog's database: SQLite or PostgreSQL behind the same two doors.

``reading`` and ``writing`` are transactions; whatever the database complains about comes out of
them as one sentence, with no password in it. A file is read through the standard library, so that
looking at it starts at once; SQLAlchemy is imported for writing, and for a server.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import CatalogError
from understudy.store.catalog import migrations
from understudy.store.catalog.sqlite_file import BUSY_TIMEOUT_MS, SqliteFile

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine, Table

Query = Callable[[str, Mapping[str, Any]], list[tuple[Any, ...]]]
"""Runs SQL that both databases read, with its values as ``:name``, and returns all rows."""

_CONNECT_TIMEOUT_S = 10
_POSTGRES_LOCK = 0x756E6465  # any number that nobody else takes: "unde"
_UNWRITABLE = ("unable to open", "readonly", "read-only", "disk is full", "disk i/o error")
_DAMAGE = ("not a database", "malformed", "no such table", "no such column", "could not decode")


class DamagedCatalogError(CatalogError):
    """The database file is no catalog any more; it can be put aside and built again."""

    def __init__(self, message: str, file: Path) -> None:
        super().__init__(message)
        self.file = file


class UnwritableCatalogError(CatalogError):
    """SQLite cannot work where its file lies: a full disk, or a folder that may not be written."""


class Database:
    """One catalog database, brought up to date on opening. Threads may share it; so may a fork.

    ``url`` is a path of an SQLite file or a URL (``sqlite:///…``, ``postgresql://…``). Raises
    CatalogError when it cannot be reached or was made by a later version.
    """

    def __init__(self, url: str | Path) -> None:
        self._given = url
        self.file = url if isinstance(url, Path) else _file_of(self._url)
        """The database's file; None on a server."""
        self.where = str(self.file) if self.file else _without_password(self._url)
        """The file or URL, without a password."""
        self._sqlite = SqliteFile(self.file) if self.file else None
        self._pid = os.getpid()
        self._engine: Engine | None = None
        self.created = False
        """Whether the tables were made by this opening, so that nothing is in them yet."""
        try:
            self._bring_up_to_date()
        except BaseException:
            self.close()
            raise

    @cached_property
    def _url(self) -> URL:
        return _parse(self._given)

    def insert(self, table: Table) -> Any:
        """An INSERT that can say what to do where a row is there already."""
        if self.file:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Query]:
        """A transaction that sees one state of the database, to be asked in SQL."""
        if self._sqlite is not None:
            with self._complaints(), self._sqlite.reading() as file:
                yield lambda sql, values: file.execute(sql, values).fetchall()
            return
        from sqlalchemy import text

        with self._complaints(), self._current_engine().begin() as server:
            yield lambda sql, values: [tuple(row) for row in server.execute(text(sql), values)]

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that waits for other writers (on SQLite up to 30 s), then excludes them."""
        engine = self._current_engine().execution_options(understudy_writing=True)
        with self._complaints(), engine.begin() as connection:
            yield connection

    def start_again(self) -> None:
        """Drop our tables and make them anew, empty; other tables of the database stay."""
        from understudy.store.catalog.tables import metadata

        with self._exclusive() as connection:
            migrations.refuse_newer(migrations.stored_schema(connection), self.where)
            metadata.drop_all(connection)
            migrations.migrate(connection, self.where)

    def close(self) -> None:
        """Give all connections back."""
        if self._sqlite is not None:
            self._sqlite.close()
        if self._engine is not None:
            self._current_engine().dispose()

    def _bring_up_to_date(self) -> None:
        schema = self._stored_schema()
        migrations.refuse_newer(schema, self.where)
        if schema == migrations.CATALOG_SCHEMA:
            return
        with self._exclusive() as connection:
            self.created = migrations.stored_schema(connection) == 0
            migrations.migrate(connection, self.where)

    def _stored_schema(self) -> int:
        if self._sqlite is None:
            with self._complaints(), self._current_engine().begin() as connection:
                return migrations.stored_schema(connection)
        with self.reading() as query:
            if not query("SELECT 1 FROM sqlite_master WHERE name = 'meta'", {}):
                return 0
            found = query(migrations.READ_SCHEMA, {})
            return int(found[0][0]) if found else 0

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[Connection]:
        """A transaction for changing tables, one process at a time."""
        if self.file is None:
            with self.writing() as connection:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
                yield connection
            return
        # The change to WAL is outside any transaction and does not wait for others by itself.
        from filelock import FileLock

        with FileLock(self.file.with_name(f".{self.file.name}.lock")):
            with self._complaints(), self._current_engine().connect() as connection:
                raw: Any = connection.connection
                raw.execute("PRAGMA journal_mode = WAL")
            with self.writing() as connection:
                yield connection

    def _current_engine(self) -> Engine:
        if self._engine is None:
            self._engine = self._make_engine()
        elif self._pid != os.getpid():
            # After a fork the parent's connections are left to the parent.
            self._engine.dispose(close=False)
        self._pid = os.getpid()
        return self._engine

    def _make_engine(self) -> Engine:
        from sqlalchemy import create_engine, event

        try:
            if self.file:
                engine = create_engine(
                    self._url,
                    connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
                    hide_parameters=True,
                )
                event.listen(engine, "connect", _prepare_sqlite)
                event.listen(engine, "begin", _begin_sqlite)
                return engine
            return create_engine(
                self._url,
                connect_args={"connect_timeout": _CONNECT_TIMEOUT_S},
                pool_pre_ping=True,
                hide_parameters=True,
            )
        except ImportError as error:
            raise CatalogError(
                f"the catalog {self.where} needs the PostgreSQL driver ({error}); install the "
                "extra `postgres`, as in `pip install -e '.[postgres]'`"
            ) from error

    @contextlib.contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not _of_database(error):
                raise
            cause = getattr(error, "orig", None) or error
            # The chain is cut: a driver's own exception may carry the URL with its password.
            raise self._complaint(" ".join(str(cause).split())) from None

    def _complaint(self, said: str) -> CatalogError:
        for secret in () if self.file else (self._url.password, self._url.query.get("password")):
            if isinstance(secret, str) and secret:
                said = said.replace(secret, "***")
        if self.file and self.file.is_dir():
            return CatalogError(
                f"the catalog {self.where} is a folder where its file belongs; move it away and "
                "run `understudy reindex`"
            )
        if self.file and any(mark in said.lower() for mark in _DAMAGE):
            return DamagedCatalogError(
                f"the catalog {self.where} is damaged ({said}); run `understudy reindex`, which "
                "puts it aside and builds it again from the sessions",
                self.file,
            )
        if self.file:
            advice = "check that its folder exists and may be written, and the free space"
            if any(mark in said.lower() for mark in _UNWRITABLE):
                return UnwritableCatalogError(
                    f"the catalog {self.where} cannot be used ({said}); {advice}"
                )
        else:
            advice = "check that the server runs and `catalog.url` in understudy.toml is right"
        return CatalogError(f"the catalog {self.where} cannot be used ({said}); {advice}")


def _of_database(error: Exception) -> bool:
    """Whether a database or its driver complains; SQLAlchemy may not have been imported."""
    if isinstance(error, sqlite3.Error | OverflowError):
        return True
    return any(kind.__module__ == "sqlalchemy.exc" for kind in type(error).__mro__)


def _file_of(url: URL) -> Path | None:
    if url.get_backend_name() == "sqlite" and url.database:
        return Path(url.database)
    return None


def _without_password(url: URL) -> str:
    return url.difference_update_query(["password"]).render_as_string(hide_password=True)


def _parse(url: str | Path) -> URL:
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url))
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend == "sqlite" and parsed.database:
        return parsed
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise CatalogError(
        "the catalog's URL cannot be understood; `catalog.url` in understudy.toml may be empty, "
        "`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DATABASE`"
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("understudy_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def put_aside(file: Path) -> Path:
    """Rename a damaged SQLite file, and what belongs to it, to a name that is free; return it."""
    number = 1
    while (aside := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    for ending in ("", "-wal", "-shm"):
        part = Path(f"{file}{ending}")
        if part.exists():
            part.replace(f"{aside}{ending}")
    return aside
