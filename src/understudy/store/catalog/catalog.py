"""The catalog: an index of all sessions, to list and find them without opening any.

It is never the truth: whatever stands here can be built again from the session directories.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, get_args

import msgspec

from understudy.errors import CatalogError, SessionError, UsageError
from understudy.store.catalog.database import DamagedCatalogError, Database, put_aside
from understudy.store.catalog.schema import PlayFacts, SessionRow
from understudy.store.ulids import is_ulid, ulid_time

if TYPE_CHECKING:
    from sqlalchemy import Connection

ScoreSource = Literal["human", "auto", "any"]
When = str | date | datetime

_FIELDS = SessionRow.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)
_ID = _FIELDS.index("id")
_COUNTERS = ("seen", "stored", "dropped", "masked")
_SUMMED = ("steps", "chats", "frames", "images", "bytes", *_COUNTERS)
_BATCH = 500
_CANDIDATES_SHOWN = 8
_NEWEST = "ORDER BY started_at DESC, id DESC"
_OLDEST = "ORDER BY started_at, id"
# What is put into these is our own.
_ROWS = f"SELECT {_COLUMNS}, started_at FROM sessions"  # noqa: S608
_PLACES = "SELECT directory, id, status, archived FROM sessions"
_SUMS = f"SELECT {', '.join(f'COALESCE(SUM({n}), 0)' for n in _SUMMED)} FROM sessions"  # noqa: S608
_COUNTS = (
    "SELECT COUNT(*), COUNT(human_score), COALESCE(SUM(duration_s), 0.0),"
    " COUNT(CASE WHEN archived THEN 1 END) FROM sessions"
)
_BY_STATUS = "SELECT status, COUNT(*) FROM sessions GROUP BY status ORDER BY status"
_HAS_TAG = "EXISTS (SELECT 1 FROM session_tags WHERE session = sessions.id AND tag = :tag)"
_decode_play = msgspec.json.Decoder(PlayFacts).decode


class Place(NamedTuple):
    """Where a session lies, and in which state."""

    directory: str
    id: str
    status: str
    archived: bool


class Catalog:
    """The sessions of one workspace in SQLite or PostgreSQL. Threads and processes may share it.

    ``url``: the path of an SQLite file, or a URL. Every method raises CatalogError when the
    database refuses.
    """

    def __init__(self, url: str | Path) -> None:
        self._database = Database(url)

    @classmethod
    def rebuild(cls, url: str | Path) -> tuple[Catalog, Path | None]:
        """An empty catalog in place of the one at ``url``, also where that one is damaged.

        The second value is where a damaged file was put. One of a later version is refused.
        """
        try:
            catalog = cls(url)
            catalog._database.start_again()
            return catalog, None
        except DamagedCatalogError as error:
            aside = put_aside(error.file)
            return cls(url), aside

    @property
    def where(self) -> str:
        """The file or URL, without a password."""
        return self._database.where

    @property
    def created(self) -> bool:
        """Whether this opening made the tables: sessions that exist are then not yet in them."""
        return self._database.created

    def put_session(self, row: SessionRow) -> None:
        """Add ``row``, or replace the one with its id."""
        self.put_sessions([row])

    def put_sessions(self, rows: Iterable[SessionRow]) -> None:
        """Add or replace many in one transaction: all of them or, on an error, none."""
        latest = list({row.id: row for row in rows}.values())
        if not latest:
            return
        # Always in the same order, so that two writers on PostgreSQL cannot wait for each other.
        latest.sort(key=lambda row: row.id)
        with self._database.writing() as connection:
            for start in range(0, len(latest), _BATCH):
                batch = latest[start : start + _BATCH]
                connection.execute(self._put_statement, [_values(row) for row in batch])
                _put_tags(connection, batch)

    @cached_property
    def _put_statement(self) -> Any:
        """Adds a session or replaces it; made once, since making it costs more than running it."""
        from understudy.store.catalog.tables import sessions

        statement = self._database.insert(sessions)
        return statement.on_conflict_do_update(
            index_elements=[sessions.c.id],
            set_={c.name: statement.excluded[c.name] for c in sessions.c if not c.primary_key},
        )

    def delete_session(self, session_id: str) -> bool:
        """Remove the row; whether there was one."""
        from sqlalchemy import delete

        from understudy.store.catalog.tables import session_tags, sessions

        with self._database.writing() as connection:
            connection.execute(delete(session_tags).where(session_tags.c.session == session_id))
            found = connection.execute(delete(sessions).where(sessions.c.id == session_id))
            return found.rowcount > 0

    def get(self, session_id: str) -> SessionRow | None:
        """The row with exactly this id."""
        rows = self._select(["id = :id"], {"id": session_id})
        return rows[0] if rows else None

    def find(self, prefix_or_directory: str) -> SessionRow:
        """The session meant by a ULID, a directory (a path to it too) or a unique prefix of either.

        Raises SessionError when none or several are meant, naming the candidates.
        """
        asked = PurePath(prefix_or_directory.strip()).name
        if not asked:
            raise SessionError(
                "a session is named by its id, its directory or the beginning of either; an empty "
                "name fits all"
            )
        named = {"id": asked.upper(), "directory": asked}
        found = self._select(["(id = :id OR directory = :directory)"], named)
        if not found:
            begun = {name: f"{_literal(value)}%" for name, value in named.items()}
            found = [
                row
                for row in self._select(
                    ["(id LIKE :id ESCAPE '!' OR directory LIKE :directory ESCAPE '!')"], begun
                )
                # SQLite's LIKE takes no notice of case.
                if row.id.startswith(asked.upper()) or row.directory.startswith(asked)
            ]
        if not found:
            raise SessionError(
                f"no session is called {prefix_or_directory!r}; `understudy session list` shows "
                "them all, and `understudy reindex` finds directories that were copied in"
            )
        if len(found) > 1:
            shown = ", ".join(f"{row.directory} ({row.id})" for row in found[:_CANDIDATES_SHOWN])
            more = len(found) - _CANDIDATES_SHOWN
            raise SessionError(
                f"{prefix_or_directory!r} fits {len(found)} sessions; give more of one of them: "
                f"{shown}{f' and {more} more' if more > 0 else ''}"
            )
        return found[0]

    def sessions(
        self,
        *,
        game: str | None = None,
        player: str | None = None,
        task: str | None = None,
        model: str | None = None,
        status: str | None = None,
        success: bool | None = None,
        tag: str | None = None,
        min_score: float | None = None,
        score_source: ScoreSource = "human",
        since: When | None = None,
        until: When | None = None,
        archived: bool | None = None,
        limit: int | None = None,
        newest_first: bool = True,
    ) -> list[SessionRow]:
        """The sessions that fit every filter given, by the time they started.

        ``task`` is what was asked, or the id of the game's task.
        ``min_score`` leaves out sessions without a score of ``score_source`` (``any``: the human
        one, else the automatic one). ``since`` and ``until`` are inclusive and compared with the
        start; an ISO 8601 text, a date (all of that day) or a datetime, UTC unless it says
        otherwise. ``archived`` None means both. Raises UsageError for a filter that cannot be.
        """
        if limit is not None and limit < 0:
            raise UsageError(f"the limit is {limit}; give 0 or more")
        earliest = None if since is None else _moment(since, "since").timestamp()
        latest = None if until is None else _moment(until, "until").timestamp()
        given = {
            "game": (game, "game = :game"),
            "player": (player, "player = :player"),
            "model": (model, "model = :model"),
            "status": (status, "status = :status"),
            "task": (task, "(task = :task OR task_id = :task)"),
            "success": (success, "success = :success"),
            "tag": (tag, _HAS_TAG),
            "min_score": (min_score, f"{_score(score_source)} >= :min_score"),
            "since": (earliest, "started_at >= :since"),
            "until": (latest, "started_at <= :until"),
            "archived": (archived, "archived = :archived"),
        }
        filters = {name: pair for name, pair in given.items() if pair[0] is not None}
        return self._select(
            [condition for _, condition in filters.values()],
            {name: value for name, (value, _) in filters.items()},
            limit=limit,
            newest_first=newest_first,
        )

    def places(self) -> list[Place]:
        """Where every session lies: what it takes to see which are missing."""
        with self._database.reading() as query:
            found = query(_PLACES, {})
        return [Place(row[0], row[1], row[2], bool(row[3])) for row in found]

    def totals(self) -> dict[str, Any]:
        """``sessions``, ``archived``, ``scored``, ``by_status``, ``duration_s`` and the sums of
        ``steps``, ``chats``, ``frames``, ``images``, ``bytes`` and the counters, over all.
        """
        with self._database.reading() as query:
            [summed], [whole], by_status = (
                query(_SUMS, {}),
                query(_COUNTS, {}),
                query(_BY_STATUS, {}),
            )
        return {
            "sessions": whole[0],
            "archived": whole[3],
            "scored": whole[1],
            "by_status": dict(by_status),
            "duration_s": float(whole[2]),
            **{name: int(value) for name, value in zip(_SUMMED, summed, strict=True)},
        }

    def clear(self) -> None:
        """Remove every row; the tables stay."""
        from sqlalchemy import delete

        from understudy.store.catalog.tables import session_tags, sessions

        with self._database.writing() as connection:
            connection.execute(delete(session_tags))
            connection.execute(delete(sessions))

    def close(self) -> None:
        """Give the connections back; a later call opens new ones."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Catalog({self.where!r})"

    def _select(
        self,
        conditions: list[str],
        values: dict[str, Any],
        *,
        limit: int | None = None,
        newest_first: bool = True,
    ) -> list[SessionRow]:
        sql = f"{_ROWS} WHERE {' AND '.join(conditions)}" if conditions else _ROWS
        if limit is not None:
            sql += f" {_NEWEST if newest_first else _OLDEST} LIMIT :limit"
            values = {**values, "limit": limit}
        with self._database.reading() as query:
            found = query(sql, values)
        if limit is None:  # of all rows, SQLite would spend half of its time on their order
            found.sort(key=lambda row: (row[-1], row[_ID]), reverse=newest_first)
        return list(map(_row, found))


def _row(values: tuple[Any, ...]) -> SessionRow:
    fields = dict(zip(_FIELDS, values, strict=False))  # behind them stands what they are sorted by
    tags, play, success = fields["tags"], fields["play"], fields["success"]
    fields["tags"] = [] if tags == "[]" else msgspec.json.decode(tags)
    fields["archived"] = bool(fields["archived"])
    if success is not None:
        fields["success"] = bool(success)
    if play is not None:
        fields["play"] = _decode_play(play)
    return SessionRow(**fields)


def _values(row: SessionRow) -> dict[str, Any]:
    values = {name: _storable(value) for name, value in msgspec.structs.asdict(row).items()}
    values["tags"] = msgspec.json.encode([_storable(tag) for tag in row.tags]).decode()
    values["started_at"] = _started_at(row)
    if row.play is not None:
        values["play"] = _storable(msgspec.json.encode(row.play).decode())
    return values


def _storable(value: Any) -> Any:
    """Text without what no database takes: NUL (PostgreSQL) and lone surrogates (both)."""
    if not isinstance(value, str) or (value.isprintable() and value.isascii()):
        return value
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _put_tags(connection: Connection, rows: list[SessionRow]) -> None:
    from sqlalchemy import delete

    from understudy.store.catalog.tables import session_tags

    ids = [row.id for row in rows]
    connection.execute(delete(session_tags).where(session_tags.c.session.in_(ids)))
    tags = [
        {"session": row.id, "tag": tag}
        for row in rows
        for tag in dict.fromkeys(_storable(tag) for tag in row.tags)
    ]
    if tags:
        connection.execute(session_tags.insert(), tags)


def _started_at(row: SessionRow) -> float:
    """Seconds since 1970 by which rows are sorted; the id's own time where the text has none."""
    try:
        return _utc(datetime.fromisoformat(row.started)).timestamp()
    except (ValueError, OverflowError) as error:
        if is_ulid(row.id):
            return ulid_time(row.id).timestamp()
        raise CatalogError(
            f"the session {row.id!r} cannot be listed: its start {row.started!r} is no ISO 8601 "
            "time; run `understudy session verify` on it"
        ) from error


def _literal(text: str) -> str:
    """``text`` as a pattern of LIKE that fits itself alone."""
    return re.sub("([!%_])", r"!\1", text)


def _score(source: ScoreSource) -> str:
    if source == "human":
        return "human_score"
    if source == "auto":
        return "auto_score"
    if source == "any":
        return "COALESCE(human_score, auto_score)"
    raise UsageError(
        f"there is no score source {source!r}; choose one of {', '.join(get_args(ScoreSource))}"
    )


def _moment(when: When, what: Literal["since", "until"]) -> datetime:
    if isinstance(when, str):
        try:
            when = date.fromisoformat(when) if len(when) == 10 else datetime.fromisoformat(when)
        except ValueError as error:
            raise UsageError(
                f"{what} is {when!r}, which is no ISO 8601 time; write 2026-01-31 or "
                "2026-01-31T18:00"
            ) from error
    if isinstance(when, datetime):
        return _utc(when)
    begin = datetime.combine(when, time(), UTC)
    return begin if what == "since" else begin + timedelta(days=1, microseconds=-1)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
