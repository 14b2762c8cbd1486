"""The numbers of a workspace add up, and come from where they are said to come from."""

from __future__ import annotations

import pytest

import understudy
from understudy.curate.statistics import Tally, gather, gather_chats
from understudy.store.catalog.schema import SessionRow


def row(number, **facts):
    facts = {"started": f"2026-03-{number:02}T10:00:00+00:00", "status": "sealed"} | facts
    return SessionRow(id=f"id{number}", directory=f"session_{number}", **facts)


ROWS = [
    row(1, game="tavern", player="ann", chats=4, bytes=1_000, duration_s=60.0, human_score=6.5),
    row(1, game="tavern", player="ben", chats=1, bytes=500, status="killed", human_score=2),
    row(3, game="pocket", player="ann", frames=90, bytes=2_000_000, duration_s=3540.0, dropped=2),
]


def test_every_session_is_counted_once_in_each_grouping():
    found = gather(ROWS)
    assert found.total.sessions == 3
    assert found.total.chats == 5
    assert found.total.dropped == 2
    assert found.total.by_status == {"sealed": 2, "killed": 1}
    for groups in (found.by_game, found.by_player, found.by_model, found.by_day):
        assert sum(tally.sessions for tally in groups.values()) == 3
        assert sum(tally.bytes for tally in groups.values()) == found.total.bytes
    assert list(found.by_game) == ["tavern", "pocket"]
    assert list(found.by_day) == ["2026-03-01", "2026-03-03"]


def test_a_rate_is_of_the_time_played_and_unknown_without_any():
    found = gather(ROWS)
    assert found.total.mb_per_hour == pytest.approx(2.0015)
    assert Tally(bytes=5).mb_per_hour is None


def test_scores_are_counted_by_whole_numbers_and_only_where_somebody_gave_one():
    scores = gather(ROWS).human_scores
    assert (scores.sessions, scores.median) == (2, 4.25)
    assert scores.histogram == {2: 1, 7: 1}
    assert gather(ROWS).auto_scores.median is None


def test_nothing_at_all_is_no_error():
    found = gather([])
    assert found.total.sessions == 0
    assert found.by_day == {}


def test_merging_tallies_is_as_counting_together():
    one, two = gather(ROWS[:1]).total, gather(ROWS[1:]).total
    one.merge(two)
    assert one == gather(ROWS).total


def test_the_traces_tell_how_chats_ended_and_what_they_took(tmp_path):
    with understudy.Workspace(tmp_path) as workspace:
        for status in ("complete", "truncated"):
            with workspace.record() as session:
                session.chat(
                    messages=[{"role": "user", "content": "Hello"}],
                    response={"role": "assistant", "content": "Hm."},
                    status=status,
                    model="m1",
                    usage={"input_tokens": 10, "output_tokens": 2},
                )
        rows = workspace.rows()
        found = gather_chats([*rows, row(9, chats=3, archived=True)], workspace.runs)
    assert found.chats == 2
    assert found.by_status == {"complete": 1, "truncated": 1}
    assert found.by_model == {"m1": 2}
    assert found.tokens == {"input_tokens": 20, "output_tokens": 4}
    assert found.unread == 1
