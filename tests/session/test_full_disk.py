"""A disk on which nothing more can be written: what is there can still be listed and given back."""

from __future__ import annotations

from pathlib import Path

import understudy


def test_sessions_are_listed_and_forgotten_where_the_catalog_cannot_be_written(
    tmp_path: Path,
) -> None:
    with understudy.Workspace(tmp_path / "ws") as ws:
        ids = []
        for name in ("one", "two"):
            with ws.record(name=name) as recorder:
                recorder.step(action="a")
            ids.append(recorder.id)
    # Given a catalog that SQLite cannot open: its name leads into a folder that is not there
    for leftover in (tmp_path / "ws").glob("catalog.sqlite*"):
        leftover.unlink()
    (tmp_path / "ws" / "catalog.sqlite").symlink_to(tmp_path / "nowhere" / "catalog.sqlite")
    with understudy.Workspace(tmp_path / "ws") as ws:
        assert {row.id for row in ws.rows()} == set(ids)
        ws.forget(ids[0])
        assert [row.id for row in ws.rows()] == [ids[1]]
        assert next(ws.sessions()).id == ids[1]


def test_forgetting_reaches_the_real_catalog_as_soon_as_it_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "ws"
    with understudy.Workspace(path) as ws, ws.record(name="one") as recorder:
        recorder.step(action="a")
    (path / "catalog.sqlite").rename(tmp_path / "kept.sqlite")
    (path / "catalog.sqlite").symlink_to(tmp_path / "nowhere" / "catalog.sqlite")
    with understudy.Workspace(path) as ws:
        assert [row.id for row in ws.rows()] == [recorder.id]
        # When it can be written again by the time that the session is gone
        (path / "catalog.sqlite").unlink()
        (tmp_path / "kept.sqlite").rename(path / "catalog.sqlite")
        ws.forget(recorder.id)
    with understudy.Workspace(path) as ws:
        assert ws.rows() == []
