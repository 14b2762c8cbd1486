"""The folders are the truth: the catalog comes back from them, whatever happened to it."""

from __future__ import annotations

import shutil

import pytest
from tests.session.abandoned import record_a_little

import understudy


def record(ws: understudy.Workspace, **facts: object) -> str:
    with ws.record(**facts) as recorder:
        record_a_little(recorder, 4)
    return recorder.id


def fill(ws: understudy.Workspace) -> None:
    ids = [record(ws, game="tavern", tags=[str(number)]) for number in range(3)]
    ws.session(ids[0]).add_feedback(score=9, author="human:ann", tags=["good"])
    ws.archive_session(ids[1])


@pytest.mark.slow
def test_the_catalog_comes_back_as_it_was(ws: understudy.Workspace) -> None:
    fill(ws)
    before = ws.rows()
    report = ws.reindex()
    assert (report.sessions, report.archived, report.problems) == (2, 1, [])
    assert ws.rows() == before
    assert [row.human_score for row in ws.rows(tag="good")] == [9]


@pytest.mark.slow
def test_a_lost_catalog_is_filled_on_the_first_look(ws: understudy.Workspace) -> None:
    fill(ws)
    before = ws.rows()
    ws.close()
    for path in ws.path.glob("catalog.sqlite*"):
        path.unlink()
    with understudy.Workspace(ws.path) as again:
        assert again.rows() == before


@pytest.mark.slow
def test_a_damaged_catalog_is_put_aside(ws: understudy.Workspace) -> None:
    fill(ws)
    before = ws.rows()
    ws.close()
    for path in ws.path.glob("catalog.sqlite-*"):
        path.unlink()
    (ws.path / "catalog.sqlite").write_bytes(b"no database " * 1000)
    report = ws.reindex()
    assert report.put_aside is not None
    assert report.put_aside.read_bytes().startswith(b"no database")
    assert ws.rows() == before


@pytest.mark.slow
def test_what_cannot_be_read_is_named_and_the_rest_is_there(ws: understudy.Workspace) -> None:
    fill(ws)
    whole = record(ws)
    (ws.runs / "session_20200101_000000_nothing").mkdir()
    broken = ws.session(record(ws)).path
    (broken / "session.json").write_bytes(b"\xff")
    (ws.archive / "session_x.json").write_bytes(b"{}")
    (ws.archive / "session_y.tar.zst").write_bytes(b"")
    (ws.runs / "notes").mkdir()
    report = ws.reindex()
    assert {problem.file for problem in report.problems} == {
        "runs/session_20200101_000000_nothing",
        f"runs/{broken.name}",
        "archive/session_x.json",
        "archive/session_y.tar.zst",
    }
    assert (report.sessions, report.archived) == (3, 1)
    assert ws.session(whole).id == whole


@pytest.mark.slow
def test_a_copy_of_a_session_is_named_and_the_first_one_kept(ws: understudy.Workspace) -> None:
    identity = record(ws)
    folder = ws.session(identity).path
    shutil.copytree(folder, folder.with_name(f"{folder.name}_copy"))
    assert ws.adopt() == 0
    [problem] = ws.reindex().problems
    assert folder.name in problem.reason
    assert ws.session(identity).path == folder


def test_a_folder_renamed_by_hand_is_found_again(ws: understudy.Workspace) -> None:
    identity = record(ws)
    folder = ws.session(identity).path
    folder.rename(folder.with_name(f"{folder.name}_best"))
    assert ws.session(identity).path.name.endswith("_best")
    ws.reindex()
    assert ws.session(identity).path.name.endswith("_best")


def test_a_session_that_is_being_recorded_stays_listed_as_such(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.step(action="a")
        ws.reindex()
        assert ws.find(recorder.id).status == "recording"
    assert ws.find(recorder.id).status == "sealed"


def test_leftovers_of_killed_processes_are_swept_and_others_left(ws: understudy.Workspace) -> None:
    identity = record(ws)
    for name in (f".{identity}.arriving", f".{identity}.leaving", ".mine"):
        (ws.runs / name).mkdir()
    assert ws.reindex().swept == 2
    assert [path.name for path in ws.runs.glob(".*")] == [".mine"]


@pytest.mark.slow
def test_many_sessions_are_told_as_they_go(ws: understudy.Workspace) -> None:
    fill(ws)
    told: list[tuple[int, int]] = []
    ws.reindex(progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
