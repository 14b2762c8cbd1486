"""Feedback is appended and never lost; what it comes to is derived, and disagreement stays."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import understudy
from understudy.errors import NewerSchemaError, SessionError, UsageError
from understudy.session.feedback import (
    FILE_NAME,
    FeedbackEntry,
    append_feedback,
    derive,
    disagreement,
    new_entry,
    read_feedback,
)
from understudy.session.verify import verify
from understudy.store.checked_lines import seal_line
from understudy.store.ulids import new_ulid


@pytest.fixture
def session(ws: understudy.Workspace):
    with ws.record(game="tavern", tags=["tavern"]) as recorder:
        recorder.step(action="knock")
        recorder.chat(
            messages=[{"role": "user", "content": "Who is there?"}],
            response={"role": "assistant", "content": "The wind."},
        )
    opened = ws.session(recorder.id)
    yield opened
    opened.close()


def said(author: str, score: float | None = None, **more: object) -> FeedbackEntry:
    return FeedbackEntry(id=new_ulid(), time="2026-01-01", author=author, score=score, **more)


def test_what_was_said_comes_back_in_order_with_author_time_and_reason(session) -> None:
    first = session.add_feedback(score=8, author="human:ann", reason="it was quick")
    second = session.add_feedback(comment="too quick", author="model:judge")
    assert session.feedback() == [first, second]
    assert (first.author, first.reason) == ("human:ann", "it was quick")
    assert first.time <= second.time


def test_two_who_disagree_both_stay(session) -> None:
    session.add_feedback(score=2, author="human:ann")
    session.add_feedback(score=9, author="human:ben")
    assert session.current_feedback.scores == {"human:ann": 2, "human:ben": 9}
    assert session.current_feedback.human_score == 5.5
    assert disagreement(session.feedback()) == Counter({2: 1, 9: 1})


def test_only_the_latest_word_of_an_author_counts_and_the_earlier_stays_written(session) -> None:
    session.add_feedback(score=2, author="human:ann")
    session.add_feedback(score=7, author="human:ann")
    assert session.current_feedback.human_score == 7
    assert [entry.score for entry in session.feedback()] == [2, 7]


def test_a_judge_never_moves_the_human_score(session) -> None:
    session.add_feedback(score=1, author="auto:rule")
    session.add_feedback(score=3, author="model:judge")
    assert session.current_feedback.human_score is None
    assert session.current_feedback.auto_score == 2
    session.add_feedback(score=10, author="me")
    assert session.current_feedback.human_score == 10
    assert session.metadata.human_score == 10
    assert session.metadata.auto_score == 2


def test_tags_are_added_and_taken_away_without_touching_the_record(ws, session) -> None:
    session.add_feedback(author="human:ann", tags=["good", "short"])
    session.add_feedback(author="human:ben", removed_tags=["tavern", "short"])
    assert session.current_feedback.tags == ("good",)
    assert [row.id for row in ws.rows(tag="good")] == [session.id]
    assert ws.rows(tag="short") == []
    assert verify(session.path) == []


def test_the_score_of_a_step_is_not_the_score_of_the_session(session) -> None:
    session.add_feedback(score=1, step=1, author="human:ann")
    assert session.current_feedback.human_score is None


def test_a_correction_stands_at_its_step_and_the_latest_counts(session) -> None:
    for answer in ("A guest.", "An old friend."):
        session.add_feedback(
            step=2, correction={"role": "assistant", "content": answer}, author="human:ann"
        )
    assert session.current_feedback.corrections[2].correction["content"] == "An old friend."


def test_the_views_say_what_was_said(session) -> None:
    session.add_feedback(score=6, comment="fine", author="human:ann", reason="because")
    view = msgspec.json.decode((session.path / "session_metadata.json").read_bytes())
    assert view["session_metadata"]["final_score"] == 6
    assert view["final_result"]["human_feedback"] == "human:ann: fine"
    assert verify(session.path) == []


def test_a_withdrawn_score_no_longer_counts_and_stays_written(ws, session) -> None:
    first = session.add_feedback(score=4, comment="slow", author="human:ann")
    session.add_feedback(score=9, author="human:ann")
    taken_back = session.feedback()[-1]
    session.add_feedback(withdraws=taken_back.id, author="human:ann")
    assert session.current_feedback.scores == {"human:ann": 4}
    assert ws.find(session.id).human_score == 4
    session.add_feedback(withdraws=first.id, author="human:ann")
    assert session.current_feedback.scores == {}
    assert session.current_feedback.comments == ()
    assert [entry.score for entry in session.feedback()] == [4, 9, None, None]
    assert ws.find(session.id).human_score is None
    assert verify(session.path) == []


def test_nobody_withdraws_what_another_said(session) -> None:
    of_ann = session.add_feedback(score=4, author="human:ann")
    with pytest.raises(UsageError, match="human:ben has no entry"):
        session.add_feedback(withdraws=of_ann.id, author="human:ben")
    forged = said("human:ben", withdraws=of_ann.id)
    assert derive([of_ann, forged]).scores == {"human:ann": 4}


def test_what_was_withdrawn_cannot_be_withdrawn_again(session) -> None:
    entry = session.add_feedback(score=4, author="human:ann")
    session.add_feedback(withdraws=entry.id, author="human:ann")
    with pytest.raises(UsageError, match="no entry"):
        session.add_feedback(withdraws=entry.id, author="human:ann")


def test_a_withdrawal_counts_wherever_it_stands_in_the_file() -> None:
    """Feedback of two workspaces is united in any order."""
    entry = said("human:ann", 4)
    assert derive([said("human:ann", withdraws=entry.id), entry]).scores == {}


def test_how_long_a_scoring_took_is_kept(session) -> None:
    session.add_feedback(score=4, author="human:ann", seconds=12.5)
    assert [entry.seconds for entry in session.feedback()] == [12.5]


@pytest.mark.parametrize(
    "given_feedback",
    [
        {"author": "human:a"},
        {"author": "", "score": 5},
        {"author": "human:a", "score": 0},
        {"author": "human:a", "score": 10.5},
        {"author": "human:a", "score": float("nan")},
        {"author": "human:a", "correction": "better"},
        {"author": "human:a", "score": 5, "seconds": -1.0},
        {"author": "human:a", "score": 5, "seconds": float("inf")},
        {"author": "human:a", "withdraws": "nothing"},
        {"author": "human:a", "withdraws": "nothing", "score": 5},
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(session, given_feedback) -> None:
    with pytest.raises(UsageError):
        session.add_feedback(**given_feedback)
    assert not (session.path / FILE_NAME).exists()


def test_a_step_that_is_not_there_cannot_be_judged(session) -> None:
    with pytest.raises(SessionError, match="no trace line 7"):
        session.add_feedback(score=5, step=7, author="human:ann")


def test_secrets_in_a_comment_never_reach_the_disk(session) -> None:
    session.add_feedback(comment="ask eve@example.com", author="human:ann")
    assert b"eve@example.com" not in (session.path / FILE_NAME).read_bytes()


def test_a_torn_tail_costs_nothing_that_was_said_before_or_is_said_after(ws, session) -> None:
    session.add_feedback(score=4, author="human:ann")
    file = session.path / FILE_NAME
    whole = file.read_bytes()
    for cut in range(1, len(whole) - 1):
        file.write_bytes(whole + whole[:cut])
        assert [entry.score for entry in read_feedback(session.path)] == [4]
    session.add_feedback(score=6, author="human:ben")
    assert [entry.score for entry in session.feedback()] == [4, 6]
    assert verify(session.path) == []


def test_a_kill_between_the_line_and_the_view_is_put_right_on_opening(ws, session) -> None:
    session.add_feedback(score=4, author="human:ann")
    append_feedback(session.path, [said("human:ben", 8)])
    assert [problem.file for problem in verify(session.path)] == ["session_metadata.json"]
    opened = ws.session(session.id)
    assert opened.metadata.human_score == 6
    assert verify(session.path) == []
    assert ws.find(session.id).human_score == 6


def test_feedback_of_a_later_version_is_refused(session) -> None:
    line = seal_line(b'{"id":"a","time":"t","author":"human:a","score":1,"schema":99}')
    (session.path / FILE_NAME).write_bytes(line)
    with pytest.raises(NewerSchemaError, match="upgrade Understudy"):
        session.feedback()


@pytest.mark.slow
def test_processes_at_once_lose_no_word(ws, session) -> None:
    program = (
        "import sys, understudy\n"
        "with understudy.Workspace(sys.argv[1]) as ws:\n"
        "    session = ws.session(sys.argv[2])\n"
        "    for number in range(10):\n"
        "        session.add_feedback(score=5, comment=str(number), author=sys.argv[3])\n"
    )
    at_work = [
        subprocess.Popen([sys.executable, "-c", program, str(ws.path), session.id, author])
        for author in ("human:ann", "human:ben", "auto:rule")
    ]
    assert [process.wait() for process in at_work] == [0, 0, 0]
    comments = Counter(entry.comment for entry in session.feedback())
    assert comments == {str(number): 3 for number in range(10)}
    assert verify(session.path) == []
    assert ws.find(session.id).human_score == 5


AUTHORS = st.sampled_from(["human:a", "human:b", "c", "auto:x", "model:y"])
ENTRIES = st.lists(
    st.builds(
        said,
        AUTHORS,
        st.none() | st.floats(1, 10),
        step=st.none() | st.integers(1, 3),
        tags=st.lists(st.sampled_from("pqr"), max_size=2).map(tuple),
        removed_tags=st.lists(st.sampled_from("pqr"), max_size=2).map(tuple),
        comment=st.none() | st.text(max_size=5),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(entries=ENTRIES)
def test_what_it_comes_to_follows_from_the_latest_words_alone(entries) -> None:
    current = derive(entries, ("p",))
    latest: dict[str, float] = {}
    for entry in entries:
        if entry.score is not None and entry.step is None:
            latest[entry.author] = entry.score
    human = [latest[name] for name in latest if name in ("human:a", "human:b", "c")]
    judges = [latest[name] for name in latest if name in ("auto:x", "model:y")]
    assert current.scores == latest
    assert current.human_score == (statistics.median(human) if human else None)
    assert current.auto_score == (statistics.median(judges) if judges else None)
    assert sum(disagreement(entries).values()) == len(human)
    for tag in "pqr":
        words = [
            tag == "p",
            *(tag in e.tags for e in entries if {tag} & {*e.tags, *e.removed_tags}),
        ]
        last = [e for e in entries if tag in e.tags or tag in e.removed_tags]
        expected = tag not in last[-1].removed_tags if last else words[0]
        assert (tag in current.tags) == expected


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=ENTRIES)
def test_what_is_written_is_what_is_read(tmp_path: Path, entries) -> None:
    (tmp_path / FILE_NAME).unlink(missing_ok=True)
    for entry in entries:
        append_feedback(tmp_path, [entry])
    assert read_feedback(tmp_path) == entries


@given(score=st.floats() | st.integers())
def test_a_score_is_on_the_scale_or_refused(score: float) -> None:
    if 1 <= score <= 10:
        assert new_entry(time="t", author="human:a", score=score).score == score
    else:
        with pytest.raises(UsageError):
            new_entry(time="t", author="human:a", score=score)


@pytest.mark.parametrize(
    "said",
    [
        {"score": "x"},
        {"score": "8"},
        {"score": True},
        {"score": [8]},
        {"comment": 3},
        {"tags": "funny"},
        {"tags": [1]},
        {"correction": object(), "step": 1},
        {"comment": "good", "reason": 3},
        {"comment": "good", "step": True},
    ],
)
def test_feedback_of_another_type_is_refused_and_changes_nothing(
    ws: understudy.Workspace, said: dict[str, Any]
) -> None:
    with ws.record() as recorder:
        recorder.step(action="look")
    session = ws.session(recorder.id)
    with pytest.raises(UsageError):
        session.add_feedback(author="human:ann", **said)
    assert session.feedback() == []
    assert ws.session(recorder.id).metadata.human_score is None


def test_a_score_may_be_a_number_of_numpys(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        pass
    session = ws.session(recorder.id)
    session.add_feedback(score=np.float32(7.5), author="human:ann")  # type: ignore[arg-type]
    assert ws.session(recorder.id).metadata.human_score == 7.5
