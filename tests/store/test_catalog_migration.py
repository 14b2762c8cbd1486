"""A catalog that an earlier version made is brought up to date, and keeps every line."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, text
from tests.store.test_catalog import FULL, _sqlalchemy_url, row

from understudy.store.catalog import Catalog, SessionRow
from understudy.store.catalog.migrations import CATALOG_SCHEMA, MIGRATIONS
from understudy.store.catalog.schema import PlayFacts

VERSION_1 = re.findall(
    r"\w+",
    "id directory name game task player model status reason started started_at ended duration_s "
    "steps chats frames images bytes seen stored dropped masked human_score auto_score success "
    "tags license consent archived sealed_sha256 schema",
)


@pytest.fixture
def old(database: str | Path) -> SessionRow:
    """A catalog of version 1 with one session in it."""
    session = row(**FULL)
    engine = create_engine(_sqlalchemy_url(database))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)"))
        connection.execute(text("INSERT INTO meta VALUES ('schema', '1')"))
        MIGRATIONS[0](connection)
        values = msgspec.structs.asdict(session) | {
            "started_at": 1767268800.0,
            "tags": msgspec.json.encode(session.tags).decode(),
        }
        places = ", ".join(f":{name}" for name in VERSION_1)
        connection.execute(
            text(f"INSERT INTO sessions ({', '.join(VERSION_1)}) VALUES ({places})"),
            {name: values[name] for name in VERSION_1},
        )
        for tag in session.tags:
            connection.execute(
                text("INSERT INTO session_tags VALUES (:id, :tag)"), {"id": session.id, "tag": tag}
            )
    engine.dispose()
    return session


def test_a_catalog_of_version_1_keeps_its_sessions_and_their_tags(
    database: str | Path, old: SessionRow
) -> None:
    with Catalog(database) as catalog:
        assert not catalog.created
        assert catalog.sessions() == [old]
        assert (old.task_id, old.play) == ("", None)
        assert catalog.sessions(tag="good", task="find the key", min_score=8) == [old]


def test_sessions_that_were_played_stand_beside_those_of_version_1(
    database: str | Path, old: SessionRow
) -> None:
    played = row(task_id="find-key", task="find the key", play=PlayFacts(task_id="find-key"))
    with Catalog(database) as catalog:
        catalog.put_session(played)
        assert catalog.sessions(task="find-key") == [played]
        assert {one.id for one in catalog.sessions(task="find the key")} == {old.id, played.id}


def test_it_is_brought_up_to_date_once(database: str | Path, old: SessionRow) -> None:
    for _ in range(2):
        with Catalog(database) as catalog:
            assert catalog.get(old.id) == old
    engine = create_engine(_sqlalchemy_url(database))
    with engine.begin() as connection:
        stored = connection.execute(text("SELECT value FROM meta WHERE key = 'schema'")).scalar()
    engine.dispose()
    assert stored == str(CATALOG_SCHEMA)
