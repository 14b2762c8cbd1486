"""The report on played sessions reads what was said about them, and says what it could not read."""

from __future__ import annotations

import pytest
from tests.curate.playing import TASK, play_session

from understudy.curate.opinions import gather_opinions, scored_by
from understudy.curate.play_report import report_on
from understudy.curate.played import played_rows
from understudy.curate.screens import gather_screens


@pytest.fixture
def scored(ws):
    """Two sessions with three raters' scores and a rule's, and one that nobody scored."""
    first, second, third = (play_session(ws) for _ in range(3))
    for name, author, score, seconds in (
        (first, "human:ann", 8, 30.0),
        (first, "human:ben", 6, 90.0),
        (first, "auto:check-v1", 9, None),
        (second, "human:ann", 3, 60.0),
    ):
        session = ws.session(name)
        session.add_feedback(author=author, score=score, seconds=seconds)
        session.close()
    return first, second, third


def test_opinions_are_the_latest_scores_of_sessions_that_people_scored(ws, scored):
    found = gather_opinions(ws.rows(newest_first=False), ws.runs)
    assert found.scores == [
        {"human:ann": 8, "human:ben": 6, "auto:check-v1": 9},
        {"human:ann": 3},
    ]
    assert sorted(found.seconds) == [30, 60, 90]


def test_a_withdrawn_score_is_no_opinion_and_took_no_time(ws, scored):
    session = ws.session(scored[1])
    [entry] = session.feedback()
    session.add_feedback(author="human:ann", withdraws=entry.id)
    found = gather_opinions(ws.rows(), ws.runs)
    assert len(found.scores) == 1
    assert sorted(found.seconds) == [30, 90]
    assert not scored_by("human:ann", session.path)


def test_archived_sessions_are_counted_as_unread(ws, scored):
    ws.archive_session(scored[1])
    found = gather_opinions(ws.rows(), ws.runs)
    assert (len(found.scores), found.unread) == (1, 1)


def test_the_report_holds_metrics_agreement_and_the_time_of_scoring(ws, scored):
    rows = played_rows(ws.rows())
    found = report_on(rows, ws.runs, known_tasks={"pocket": 50}, by=("task", "player"))
    assert found.quality.completion.of == 3
    assert found.quality.coverage.known == 50
    assert found.quality_by["player"]["script"].sessions == 3
    assert list(found.quality_by["task"]) == [TASK["id"]]
    assert found.agreement.raters.sessions == 1
    assert found.agreement.with_humans["auto:check-v1"].mean_difference == 2
    assert (found.scoring.minutes, found.scoring.timed) == (1, 3)
    assert found.scoring.minutes_in_all == 3


def test_screens_are_counted_once_a_game_however_often_they_were_seen(ws):
    play_session(ws)
    play_session(ws)
    play_session(ws, game="other", actions=("press_a",))
    rows = ws.rows()
    found = gather_screens(rows, ws.runs)
    assert found.by_game == {"other": 2, "pocket": 5}
    assert list(found.by_day.values()) == [7]


def test_a_trace_that_is_gone_is_counted_and_stops_nothing(ws):
    gone = ws.session(play_session(ws))
    (gone.path / "trace.jsonl").unlink()
    play_session(ws)
    found = gather_screens(ws.rows(), ws.runs)
    assert (found.by_game, found.unread) == ({"pocket": 5}, 1)
