"""Every quality metric is what its definition in the documentation says, and nothing else."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.curate.playing import played_row

from understudy.curate.played import played_rows
from understudy.curate.quality import measure_collection, measure_quality, share, targets
from understudy.store.catalog.schema import SessionRow


def test_only_sessions_in_which_somebody_played_are_measured():
    chat = SessionRow(id="c", directory="d", started="2026-03-01T10:00:00+00:00", chats=3)
    played = played_row()
    assert played_rows([chat, played]) == [played]


def test_completion_is_of_what_was_played_to_its_end_and_has_a_check():
    found = measure_quality(
        [
            played_row(),
            played_row(success=False),
            played_row(success=False, completion="quit"),
            played_row(success=False, completion="error"),
            played_row(success=False, completion="interrupted"),
            played_row(success=None, conditions=0),
        ]
    )
    assert (found.sessions, found.completion.hits, found.completion.of) == (6, 1, 3)
    assert found.completion.value == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (8, 10, 0.4902, 0.9433), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_wilsons(hits, of, low, high):
    found = share(hits, of)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_an_interval_holds_its_share_and_stays_between_0_and_1(hits, of):
    found = share(min(hits, of), of)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def test_of_nothing_no_share_is_known():
    assert share(0, 0).value is None


def test_efficiency_is_reference_over_steps_at_most_1_and_of_completed_sessions_only():
    found = measure_quality(
        [
            played_row(steps=8, reference_steps=4),
            played_row(steps=2, reference_steps=4),
            played_row(steps=4, reference_steps=None),
            played_row(steps=4, success=False),
        ]
    ).efficiency
    assert (found.value, found.of) == (pytest.approx(0.75), 2)


def test_consistency_is_a_mean_over_tasks_that_were_completed_twice():
    found = measure_quality(
        [
            played_row(task_id="a", path="press_a*2"),
            played_row(task_id="a", path="press_a*2"),
            played_row(task_id="b", path="press_a"),
            played_row(task_id="b", path="press_b"),
            played_row(task_id="c", path="press_a"),
            played_row(task_id="d", path="press_a", success=False),
            played_row(task_id="d", path="press_a"),
        ]
    ).consistency
    assert (found.value, found.of) == (pytest.approx(0.5), 2)


def test_the_same_task_of_two_games_is_two_tasks():
    rows = [
        played_row(path="press_a", row={"game": "one"}),
        played_row(path="press_b", row={"game": "other"}),
    ]
    found = measure_quality(rows)
    assert found.consistency.value is None
    assert found.coverage.tasks == 2


def test_coverage_counts_tasks_groups_and_screens():
    rows = [
        played_row(task_id="a", group="bag", screens=10),
        played_row(task_id="a", group="bag", screens=4),
        played_row(task_id="b", group="menu", screens=4),
        played_row(task_id="", group=""),
    ]
    found = measure_quality(rows, known_tasks={"pocket": 50}).coverage
    assert (found.tasks, found.known, found.groups) == (2, 50, 2)
    assert (found.screens.value, found.screens.of) == (6, 3)


def test_how_many_tasks_there_are_is_unknown_where_a_game_is():
    rows = [played_row(), played_row(row={"game": "stranger"})]
    assert measure_quality(rows, known_tasks={"pocket": 50}).coverage.known is None
    assert measure_quality(rows).coverage.known is None


def test_human_approval_knows_no_automatic_score():
    rows = [played_row(row={"human_score": 6.0, "auto_score": 1.0}), played_row()]
    found = measure_quality(rows)
    assert (found.human_approval.value, found.human_approval.of) == (6.0, 1)
    assert (found.automatic.value, found.automatic.of) == (1.0, 1)


def test_needless_steps_are_counted_once_each():
    rows = [played_row(steps=10, no_effect=2, repeated=3), played_row(steps=10, no_effect=1)]
    found = measure_quality(rows).needless
    assert (found.hits, found.of) == (4, 20)


def test_nothing_played_is_no_error():
    found = measure_quality([])
    assert found.completion.value is None
    assert measure_collection([]).sessions_per_hour is None
    assert [target.reached for target in targets(found, measure_collection([]))] == [False] * 3


def at(start, end, **more):
    begin, until = (datetime.fromisoformat(f"2026-03-01T{time}+00:00") for time in (start, end))
    times = {
        "started": begin.isoformat(),
        "ended": until.isoformat(),
        "duration_s": (until - begin).total_seconds(),
    }
    return played_row(row=times | more, examples=0)


def test_the_pace_is_of_the_time_in_which_anything_was_played():
    """Two workers at once are twice as fast as one; a pause over lunch does not count."""
    alone = [at("10:00:00", "10:30:00"), at("14:00:00", "14:30:00")]
    assert measure_collection(alone).sessions_per_hour == pytest.approx(2)
    together = [at("10:00:00", "10:30:00"), at("10:00:00", "10:30:00")]
    assert measure_collection(together).sessions_per_hour == pytest.approx(4)
    inside = [at("10:00:00", "11:00:00"), at("10:10:00", "10:20:00")]
    assert measure_collection(inside).sessions_per_hour == pytest.approx(2)


def test_examples_good_ones_and_what_one_takes():
    rows = [
        played_row(examples=10, row={"bytes": 4_000_000, "human_score": 6.0}),
        played_row(examples=10, row={"bytes": 2_000_000, "human_score": 5.5}),
        played_row(examples=20, row={"bytes": 4_000_000, "auto_score": 10.0}),
        played_row(examples=0, row={"bytes": 9_000_000}),
    ]
    found = measure_collection(rows)
    assert (found.examples, found.good_examples) == (40, 10)
    assert found.mb_per_example == pytest.approx(0.25)


def test_a_session_that_was_cut_off_was_not_completed_and_one_still_played_is_not_judged():
    rows = [played_row(row={"status": status}) for status in ("sealed", "killed", "incomplete")]
    rows += [played_row(row={"status": "recording"})]
    found = measure_collection(rows).completed
    assert (found.hits, found.of) == (1, 3)


def test_the_targets_are_those_of_the_specification():
    rows = [played_row(task_id=f"t{n}", examples=20, row={"human_score": 7.0}) for n in range(50)]
    found = {
        target.name: target for target in targets(measure_quality(rows), measure_collection(rows))
    }
    score, examples, tasks = found.values()
    assert (score.value, score.goal, score.reached) == (7, 7, False)
    assert (examples.value, examples.goal, examples.reached) == (1000, 1000, True)
    assert (tasks.value, tasks.goal, tasks.reached) == (50, 50, True)
