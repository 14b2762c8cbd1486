"""The catalog lists and finds sessions, on SQLite and PostgreSQL alike, and never loses a row."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, make_url, text

from understudy.errors import CatalogError, SessionError, UsageError
from understudy.store.catalog import Catalog, SessionRow
from understudy.store.catalog.migrations import CATALOG_SCHEMA
from understudy.store.catalog.tables import metadata
from understudy.store.ulids import new_ulid


@pytest.fixture
def catalog(database: str | Path) -> Iterator[Catalog]:
    with Catalog(database) as opened:
        yield opened


def row(**facts: object) -> SessionRow:
    session_id = str(facts.pop("id", "") or new_ulid())
    basis: dict[str, object] = {
        "id": session_id,
        "directory": f"session_20260101_120000_{session_id[-6:]}",
        "started": "2026-01-01T12:00:00+00:00",
    }
    return SessionRow(**(basis | facts))  # type: ignore[arg-type]


FULL = {
    "name": "tavern night",
    "game": "tavern",
    "task": "find the key",
    "player": "human",
    "model": "dm@v0003",
    "status": "sealed",
    "reason": "quit",
    "ended": "2026-01-01T13:00:00+00:00",
    "duration_s": 3600.5,
    "steps": 1,
    "chats": 2,
    "frames": 3,
    "images": 4,
    "bytes": 2**40,
    "seen": 6,
    "stored": 5,
    "dropped": 1,
    "masked": 7,
    "human_score": 8.5,
    "auto_score": -1.0,
    "success": False,
    "tags": ["good", "needs 'quotes'", "日本"],
    "license": "CC-BY-4.0",
    "consent": "yes",
    "archived": True,
    "sealed_sha256": "ab" * 32,
    "schema": 1,
}


def test_every_fact_of_a_session_comes_back_as_it_was_put(catalog: Catalog) -> None:
    full, empty = row(**FULL), row()
    catalog.put_sessions([full, empty])
    assert catalog.get(full.id) == full
    assert catalog.get(empty.id) == empty
    assert catalog.get(new_ulid()) is None


def test_putting_a_session_again_replaces_its_row_and_its_tags(catalog: Catalog) -> None:
    before = row(status="recording", tags=["old", "kept"])
    after = msgspec.structs.replace(before, status="sealed", tags=["kept", "new"])
    catalog.put_session(before)
    catalog.put_session(after)
    assert catalog.sessions() == [after]
    assert catalog.sessions(tag="old") == []
    assert catalog.sessions(tag="new") == [after]


def test_a_session_put_twice_in_one_go_has_the_later_facts(catalog: Catalog) -> None:
    before = row(tags=["a"])
    after = msgspec.structs.replace(before, steps=9, tags=["b"])
    catalog.put_sessions([before, after])
    assert catalog.sessions() == [after]
    assert catalog.sessions(tag="a") == []


def test_a_deleted_session_is_gone_with_its_tags(catalog: Catalog) -> None:
    gone, kept = row(tags=["x"]), row(tags=["x"])
    catalog.put_sessions([gone, kept])
    assert catalog.delete_session(gone.id)
    assert not catalog.delete_session(gone.id)
    assert catalog.sessions(tag="x") == [kept]


@pytest.mark.slow
def test_clear_leaves_an_empty_catalog_that_can_be_used(catalog: Catalog) -> None:
    catalog.put_session(row(tags=["x"]))
    catalog.clear()
    assert catalog.sessions() == []
    again = row(tags=["x"])
    catalog.put_session(again)
    assert catalog.sessions(tag="x") == [again]


def test_each_filter_keeps_what_fits_and_nothing_else(catalog: Catalog) -> None:
    wanted = row(**FULL)
    catalog.put_sessions([wanted, row(), row(game="TAVERN", tags=["goo", "good "])])
    for name in ("game", "player", "task", "model", "status"):
        assert catalog.sessions(**{name: FULL[name]}) == [wanted], name
    assert catalog.sessions(tag="good") == [wanted]
    assert catalog.sessions(tag="needs 'quotes'") == [wanted]
    assert catalog.sessions(archived=True) == [wanted]
    assert len(catalog.sessions(archived=False)) == 2
    assert len(catalog.sessions()) == 3
    assert catalog.sessions(game="tavern", player="script") == []


def test_a_minimum_score_looks_at_the_source_asked_for(catalog: Catalog) -> None:
    human = row(human_score=8.0, auto_score=1.0)
    auto = row(auto_score=9.0)
    low = row(human_score=2.0, auto_score=9.0)
    catalog.put_sessions([human, auto, low, row()])

    def ids(source: str) -> set[str]:
        found = catalog.sessions(min_score=8, score_source=source)  # type: ignore[arg-type]
        return {one.id for one in found}

    assert ids("human") == {human.id}
    assert ids("auto") == {auto.id, low.id}
    assert ids("any") == {human.id, auto.id}
    with pytest.raises(UsageError, match="human, auto, any"):
        ids("robot")


def test_since_and_until_compare_moments_and_not_texts(catalog: Catalog) -> None:
    early = row(started="2026-01-01T00:30:00+02:00")  # still 2025 in UTC
    noon = row(started="2026-01-01T12:00:00Z")
    late = row(started="2026-01-01T23:59:59.999")
    catalog.put_sessions([late, noon, early])

    def starts(**when: object) -> list[str]:
        found = catalog.sessions(newest_first=False, **when)  # type: ignore[arg-type]
        return [one.id for one in found]

    assert starts() == [early.id, noon.id, late.id]
    assert starts(since="2026-01-01") == [noon.id, late.id]
    assert starts(until="2025-12-31") == [early.id]
    assert starts(since=date(2026, 1, 1), until=date(2026, 1, 1)) == [noon.id, late.id]
    exactly_noon = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert starts(since=exactly_noon, until=exactly_noon) == [noon.id]
    assert starts(since="2026-01-01T12:00:01") == [late.id]
    with pytest.raises(UsageError, match="since is 'yesterday'"):
        starts(since="yesterday")


def test_the_limit_counts_from_the_newest_and_an_impossible_one_is_refused(
    catalog: Catalog,
) -> None:
    rows = [row(started=f"2026-01-0{day}T00:00:00Z") for day in (2, 1, 3)]
    catalog.put_sessions(rows)
    assert [one.started[9] for one in catalog.sessions(limit=2)] == ["3", "2"]
    assert catalog.sessions(limit=0) == []
    with pytest.raises(UsageError, match="-1"):
        catalog.sessions(limit=-1)


def test_a_session_is_found_by_id_directory_path_or_unique_prefix(catalog: Catalog) -> None:
    one = row(id="01K" + "0" * 23, directory="session_20260101_120000_tavern")
    other = row(id="01KZ" + "0" * 22, directory="session_20260101_120000_tavern_2")
    catalog.put_sessions([one, other])
    for asked in (one.id, one.id.lower(), one.directory, f"runs/{one.directory}/", "01K00"):
        assert catalog.find(asked) == one, asked
    assert catalog.find("session_20260101_120000_tavern_") == other
    assert catalog.find("01kz") == other


def test_an_ambiguous_name_lists_the_candidates_and_an_unknown_one_says_so(
    catalog: Catalog,
) -> None:
    rows = [row(directory=f"session_20260101_1200{n:02}") for n in range(12)]
    catalog.put_sessions(rows)
    with pytest.raises(SessionError, match=r"fits 12 sessions.*and 4 more") as caught:
        catalog.find("session_2026")
    assert rows[-1].directory in str(caught.value)
    for unknown in ("SESSION_2026", "%", "_ession", "nothing"):
        with pytest.raises(SessionError, match="no session is called"):
            catalog.find(unknown)
    with pytest.raises(SessionError, match="empty name"):
        catalog.find("  ")


def test_totals_add_up_over_all_sessions_and_are_zero_without_any(catalog: Catalog) -> None:
    nothing = catalog.totals()
    assert nothing["sessions"] == 0
    assert nothing["bytes"] == 0
    assert nothing["by_status"] == {}
    catalog.put_sessions([row(**FULL), row(**(FULL | {"status": "killed"})), row()])
    totals = catalog.totals()
    assert totals["by_status"] == {"killed": 1, "recording": 1, "sealed": 1}
    assert (totals["sessions"], totals["archived"], totals["scored"]) == (3, 2, 2)
    assert (totals["steps"], totals["chats"], totals["frames"]) == (2, 4, 6)
    assert totals["bytes"] == 2**41
    assert totals["duration_s"] == 7201.0
    assert msgspec.json.decode(msgspec.json.encode(totals)) == totals


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(name=st.text(), tags=st.lists(st.text(), max_size=3))
def test_any_text_can_be_stored_and_searched(catalog: Catalog, name: str, tags: list[str]) -> None:
    stored = row(name=name, game=name, tags=tags)
    catalog.put_session(stored)
    found = catalog.get(stored.id)
    assert found is not None
    if "\0" not in name and name.isprintable():
        assert found.name == name
        assert stored.id in {one.id for one in catalog.sessions(game=name)}
    for tag in found.tags:
        assert stored.id in {one.id for one in catalog.sessions(tag=tag)}


def test_text_that_no_database_takes_is_stored_without_the_impossible_characters(
    catalog: Catalog,
) -> None:
    odd = row(name="a\0b\ud800c", tags=["\ud800"])
    catalog.put_session(odd)
    found = catalog.get(odd.id)
    assert found is not None
    assert (found.name, found.tags) == ("a\ufffdb?c", ["?"])


def test_a_start_that_is_no_time_falls_back_on_the_ids_own(catalog: Catalog) -> None:
    odd = row(started="some day")
    catalog.put_session(odd)
    today = datetime.now(UTC).date()
    assert catalog.sessions(since=today - timedelta(days=1)) == [odd]
    with pytest.raises(CatalogError, match="no ISO 8601"):
        catalog.put_session(row(id="x", started="some day"))


def test_when_one_row_of_many_is_refused_none_is_added(catalog: Catalog) -> None:
    with pytest.raises(CatalogError):
        catalog.put_sessions([row(), row(steps=2**70)])
    assert catalog.sessions() == []


def test_what_is_put_is_there_when_the_catalog_is_opened_again(database: str | Path) -> None:
    kept = row(**FULL)
    with Catalog(database) as first:
        assert first.created
        first.put_session(kept)
    with Catalog(database) as second:
        assert not second.created
        assert second.sessions() == [kept]


def test_a_migrated_database_has_exactly_the_columns_that_queries_use(
    database: str | Path,
) -> None:
    Catalog(database).close()
    engine = create_engine(_sqlalchemy_url(database))
    try:
        found = inspect(engine)
        for table in metadata.tables.values():
            columns = {c["name"]: c["nullable"] for c in found.get_columns(table.name)}
            keys = found.get_pk_constraint(table.name)["constrained_columns"]
            assert set(columns) == set(table.c.keys()), table.name
            assert keys == [column.name for column in table.primary_key], table.name
            for column in table.c:
                if not column.primary_key:
                    assert columns[column.name] == column.nullable, column
    finally:
        engine.dispose()


def test_a_catalog_of_a_later_version_is_refused_and_left_alone(database: str | Path) -> None:
    kept = row()
    with Catalog(database) as first:
        first.put_session(kept)
    _set_schema(database, CATALOG_SCHEMA + 1)
    before = database.read_bytes() if isinstance(database, Path) else b""
    with pytest.raises(CatalogError, match=f"has schema {CATALOG_SCHEMA + 1}.*update Understudy"):
        Catalog(database)
    with pytest.raises(CatalogError, match="update Understudy"):
        Catalog.rebuild(database)
    if isinstance(database, Path):
        assert database.read_bytes() == before
    _set_schema(database, CATALOG_SCHEMA)
    with Catalog(database) as again:
        assert again.sessions() == [kept]


def test_rebuild_gives_an_empty_catalog_and_keeps_other_tables(database: str | Path) -> None:
    with Catalog(database) as first:
        first.put_session(row(tags=["x"]))
    engine = create_engine(_sqlalchemy_url(database))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE somebody_elses (n INTEGER)"))
    rebuilt, aside = Catalog.rebuild(database)
    with rebuilt:
        assert aside is None
        assert rebuilt.sessions() == []
        rebuilt.put_session(row())
    with engine.begin() as connection:
        connection.execute(text("SELECT n FROM somebody_elses"))
    engine.dispose()


def test_a_damaged_file_is_reported_left_alone_and_put_aside_by_rebuild(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    file.write_bytes(b"no database at all, " * 500)
    before = file.read_bytes()
    with pytest.raises(CatalogError, match=r"is damaged.*run `understudy reindex`"):
        Catalog(file)
    assert file.read_bytes() == before
    rebuilt, aside = Catalog.rebuild(file)
    with rebuilt:
        rebuilt.put_session(row())
        assert len(rebuilt.sessions()) == 1
    assert aside is not None
    assert aside.read_bytes() == before


@pytest.mark.slow
def test_damage_in_the_middle_of_the_file_is_reported_as_damage(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    with Catalog(file) as catalog:
        catalog.put_sessions([row(**FULL) for _ in range(2000)])
    content = bytearray(file.read_bytes())
    content[4096 * 8 : 4096 * 60] = b"\xa5" * (4096 * 52)
    file.write_bytes(content)
    with pytest.raises(CatalogError, match="run `understudy reindex`"), Catalog(file) as broken:
        broken.sessions()
    rebuilt, _ = Catalog.rebuild(file)
    with rebuilt:
        rebuilt.put_session(row())
        assert len(rebuilt.sessions()) == 1


def test_a_catalog_without_its_tables_is_reported_as_damaged(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    Catalog(file).close()
    connection = sqlite3.connect(file)
    connection.execute("DROP TABLE sessions")
    connection.close()
    with Catalog(file) as broken, pytest.raises(CatalogError, match="understudy reindex"):
        broken.sessions()
    rebuilt, aside = Catalog.rebuild(file)
    with rebuilt:
        assert aside is None
        assert rebuilt.sessions() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [("folder", "is a folder where its file belongs"), ("missing parent", "cannot be used")],
)
def test_a_place_where_no_file_can_be_is_one_sentence(
    tmp_path: Path, content: str, said: str
) -> None:
    place = tmp_path if content == "folder" else tmp_path / "no" / "catalog.sqlite"
    with pytest.raises(CatalogError, match=said) as caught:
        Catalog(place)
    assert str(place) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["mysql://me:hunter2@host/db", "hunter2", "sqlite://", ""])
def test_an_unknown_kind_of_database_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(CatalogError, match="cannot be understood") as caught:
        Catalog(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "postgres://me:hunter2@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=me&password=hunter2",
    ],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with pytest.raises(CatalogError, match=r"127\.0\.0\.1:1/db.* cannot be used") as caught:
        Catalog(url)
    chain = [caught.value, caught.value.__cause__]
    assert not any("hunter2" in repr(error) for error in chain)
    assert caught.value.__suppress_context__


def test_a_wrong_password_is_not_repeated(postgres_url: str) -> None:
    url = make_url(postgres_url).set(password="hunter2", username="nobody_of_that_name")
    with pytest.raises(CatalogError) as caught:
        Catalog(url.render_as_string(hide_password=False))
    assert "hunter2" not in str(caught.value)


def test_the_place_of_a_catalog_is_shown_without_its_password(postgres_url: str) -> None:
    password = make_url(postgres_url).password
    with Catalog(postgres_url) as catalog:
        assert password is None or password not in f"{catalog!r} {catalog.where}"


_WRITER = """
import sys
from pathlib import Path
from understudy.store.catalog import Catalog, SessionRow
from understudy.store.ulids import new_ulid

url, number = sys.argv[1:]
with Catalog(url if ":" in url else Path(url)) as catalog:
    for n in range(60):
        catalog.put_session(SessionRow(id=new_ulid(), directory=f"session_{number}_{n}",
            started="2026-01-01T00:00:00Z", tags=["all", number], steps=1))
        shared = SessionRow(id="01K" + "0" * 23, directory="shared",
            started="2026-01-01T00:00:00Z", tags=["shared", number], name=number)
        catalog.put_session(shared)
        assert len(catalog.sessions(tag=number, status="recording")) >= n
"""


@pytest.mark.slow
def test_processes_that_write_at_once_into_a_new_catalog_lose_nothing(
    database: str | Path,
) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(database), f"writer-{number}"],
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said.decode()
    with Catalog(database) as catalog:
        assert len(catalog.sessions(tag="all")) == 180
        assert catalog.totals()["steps"] == 180
        shared = catalog.find("shared")
        assert shared.tags == ["shared", shared.name]
        assert catalog.sessions(tag="shared") == [shared]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_can_go_on_with_the_catalog_of_its_parent(
    database: str | Path, catalog: Catalog
) -> None:
    catalog.put_session(row(name="parent"))
    child = os.fork()
    if child == 0:
        status = 1
        try:
            catalog.put_session(row(name="child"))
            status = 0 if len(catalog.sessions()) == 2 else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    catalog.put_session(row(name="parent again"))
    assert {one.name for one in catalog.sessions()} == {"parent", "child", "parent again"}


def test_looking_at_a_catalog_imports_no_database_toolkit(tmp_path: Path) -> None:
    file = tmp_path / "catalog.sqlite"
    Catalog(file).close()
    code = (
        "import sys, understudy.store.catalog as c, pathlib\n"
        "c.Catalog(pathlib.Path(sys.argv[1])).sessions()\n"
        "heavy = {'sqlalchemy', 'numpy', 'pyarrow', 'pydantic', 'psycopg'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _sqlalchemy_url(database: str | Path) -> str:
    if isinstance(database, Path):
        return f"sqlite:///{database}"
    return database.replace("postgresql://", "postgresql+psycopg://", 1)


def _set_schema(database: str | Path, schema: int) -> None:
    engine = create_engine(_sqlalchemy_url(database))
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE meta SET value = '{schema}' WHERE key = 'schema'"))
    engine.dispose()


def test_places_tell_what_is_listed_without_reading_whole_rows(catalog: Catalog) -> None:
    sealed, running = row(status="sealed"), row(status="recording", archived=True)
    catalog.put_sessions([sealed, running])
    assert sorted(catalog.places()) == sorted(
        [
            (sealed.directory, sealed.id, "sealed", False),
            (running.directory, running.id, "recording", True),
        ]
    )
