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
