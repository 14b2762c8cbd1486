"""Rules put sessions away only as they are written, and show first what they would do."""

from __future__ import annotations

import datetime

import msgspec

import understudy
from understudy.session.keeping.retention import apply_retention, plan_retention

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)


def rules(ws: understudy.Workspace, text: str) -> understudy.Workspace:
    (ws.path / "understudy.toml").write_text(f"schema = 1\n[retention]\n{text}\n")
    return understudy.Workspace(ws.path)


def record(
    ws: understudy.Workspace, *, days_ago: float = 0, score: float | None = None, size: int = 0
) -> str:
    """A session that, as the catalog knows it, ended that long ago and has that size."""
    with ws.record() as recorder:
        recorder.step(action="a")
    if score is not None:
        ws.session(recorder.id).add_feedback(score=score, author="human:ann")
    when = (NOW - datetime.timedelta(days=days_ago)).isoformat()
    row = msgspec.structs.replace(ws.find(recorder.id), started=when, ended=when)
    ws.catalog.put_session(msgspec.structs.replace(row, bytes=size or row.bytes))
    return recorder.id


def planned(ws: understudy.Workspace) -> list[tuple[str, str]]:
    return [(action.session, action.action) for action in plan_retention(ws, now=NOW)]


def test_without_rules_nothing_is_asked_for(ws: understudy.Workspace) -> None:
    record(ws, days_ago=10_000, score=1, size=10**15)
    assert plan_retention(ws, now=NOW) == []


def test_what_ended_long_ago_is_to_be_archived_once(ws: understudy.Workspace) -> None:
    record(ws, days_ago=89)
    old = record(ws, days_ago=91)
    with rules(ws, "archive_after_days = 90") as ruled:
        [action] = plan_retention(ruled, now=NOW)
        assert (action.session, action.action) == (old, "archive")
        assert "91 days ago" in action.reason
        ruled.archive_session(old)
        assert plan_retention(ruled, now=NOW) == []


def test_the_oldest_go_until_the_rest_is_small_enough(ws: understudy.Workspace) -> None:
    gigabyte = 1_000_000_000
    ids = [record(ws, days_ago=day, size=gigabyte) for day in (4, 3, 2, 1)]
    with rules(ws, "keep_total_gb = 2.5") as ruled:
        assert planned(ruled) == [(ids[0], "archive"), (ids[1], "archive")]
    with rules(ws, "keep_total_gb = 4") as ruled:
        assert planned(ruled) == []
    with rules(ws, "archive_after_days = 3.5\nkeep_total_gb = 2.5") as ruled:
        assert planned(ruled) == [(ids[0], "archive"), (ids[1], "archive")]


def test_only_what_people_scored_low_is_to_be_forgotten(ws: understudy.Workspace) -> None:
    low = record(ws, score=2)
    record(ws, score=3)
    unscored = record(ws)
    ws.session(unscored).add_feedback(score=1, author="auto:rule")
    packed = record(ws, score=1)
    ws.archive_session(packed)
    with rules(ws, "forget_below_score = 3") as ruled:
        assert sorted(planned(ruled)) == sorted([(low, "forget"), (packed, "forget")])


def test_a_session_that_is_being_recorded_is_left_alone(ws: understudy.Workspace) -> None:
    with rules(ws, "archive_after_days = 0\nkeep_total_gb = 0") as ruled, ruled.record() as going:
        going.step(action="a")
        assert plan_retention(ruled) == []


def test_the_plan_is_done_and_one_failure_does_not_stop_the_rest(ws: understudy.Workspace) -> None:
    damaged, old, low = record(ws), record(ws), record(ws, score=1)
    trace = ws.session(damaged).path / "trace.jsonl"
    trace.write_bytes(trace.read_bytes().replace(b'"a"', b'"b"'))
    with rules(ws, "keep_total_gb = 0\nforget_below_score = 2") as ruled:
        plan = plan_retention(ruled)
        applied = {done.planned.session: done.problem for done in apply_retention(ruled, plan)}
        assert "damaged" in (applied[damaged] or "")
        assert applied[old] is applied[low] is None
        assert ruled.find(old).archived
        assert {row.id for row in ruled.rows()} == {damaged, old}


def test_what_the_rules_no_longer_ask_for_is_not_done(ws: understudy.Workspace) -> None:
    low = record(ws, score=1)
    with rules(ws, "forget_below_score = 2") as ruled:
        plan = plan_retention(ruled)
        ruled.session(low).add_feedback(score=9, author="human:ann")
        [done] = apply_retention(ruled, plan)
        assert done.problem == "the rules no longer ask for it"
        assert ruled.session(low).id == low


def test_how_a_session_is_forgotten_can_be_handed_in(ws: understudy.Workspace) -> None:
    low = record(ws, score=1)
    forgotten: list[str] = []
    with rules(ws, "forget_below_score = 2") as ruled:
        apply_retention(ruled, plan_retention(ruled), forget=forgotten.append)
    assert forgotten == [low]
