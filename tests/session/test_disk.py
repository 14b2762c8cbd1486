"""How full the disk is, and the day on which it will be full at the present pace."""

from __future__ import annotations

import datetime
import shutil

import msgspec
import pytest

import understudy
from understudy.session.keeping.disk import disk_report

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)


def recorded(ws: understudy.Workspace, days_ago: float, size: int) -> None:
    """A session as the catalog knows it."""
    with ws.record() as recorder:
        recorder.step(action="a")
    started = (NOW - datetime.timedelta(days=days_ago)).isoformat()
    row = msgspec.structs.replace(ws.find(recorder.id), started=started, bytes=size)
    ws.catalog.put_session(row)


def test_an_empty_workspace_has_no_pace(ws: understudy.Workspace) -> None:
    report = disk_report(ws)
    assert (report.runs, report.per_day, report.full_at, report.days_left) == (0, 0, None, None)
    assert 0 < report.free <= report.total


def test_the_pace_is_that_of_the_last_days(ws: understudy.Workspace) -> None:
    recorded(ws, 100, 10**18)
    recorded(ws, 6, 3_500)
    recorded(ws, 1, 3_500)
    assert disk_report(ws, now=NOW).per_day == 1_000


def test_a_young_workspace_counts_at_least_one_day(ws: understudy.Workspace) -> None:
    recorded(ws, 0.1, 5_000)
    assert disk_report(ws, now=NOW).per_day == 5_000
    recorded(ws, 2, 5_000)
    assert disk_report(ws, now=NOW).per_day == 5_000


def test_it_says_when_the_disk_is_full(ws: understudy.Workspace) -> None:
    free = shutil.disk_usage(ws.path).free
    recorded(ws, 0.5, free // 10)
    report = disk_report(ws, now=NOW)
    assert report.days_left == pytest.approx(10, rel=0.05)
    assert report.full_at is not None
    assert report.full_at.startswith("2026-06-1")


def test_a_pace_that_takes_decades_is_no_forecast(ws: understudy.Workspace) -> None:
    recorded(ws, 1, 1)
    report = disk_report(ws, now=NOW)
    assert (report.full_at, report.days_left) == (None, None)


def test_what_lies_where_is_counted(ws: understudy.Workspace) -> None:
    recorded(ws, 0, 1)
    (ws.datasets / "a").mkdir()
    (ws.datasets / "a" / "rows").write_bytes(bytes(1000))
    report = disk_report(ws)
    assert report.datasets == 1000
    assert report.runs > 0
    assert report.archive == report.models == report.bundles == 0


def test_too_little_free_space_is_said(ws: understudy.Workspace) -> None:
    (ws.path / "understudy.toml").write_text("schema = 1\n[disk]\nwarn_free_gb = 1e12\n")
    assert disk_report(understudy.Workspace(ws.path)).low
    (ws.path / "understudy.toml").write_text("schema = 1\n[disk]\nwarn_free_gb = 0\n")
    assert not disk_report(understudy.Workspace(ws.path)).low


def test_a_recording_warns_of_too_little_space_and_records_all_the_same(
    ws: understudy.Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    for least, warned in ((1e12, True), (0, False)):
        (ws.path / "understudy.toml").write_text(f"schema = 1\n[disk]\nwarn_free_gb = {least}\n")
        caplog.clear()
        with understudy.Workspace(ws.path) as opened, opened.record(game="g") as recorder:
            assert recorder.step(action="knock")
        assert recorder.sealed
        assert ("GB are free" in caplog.text) == warned
