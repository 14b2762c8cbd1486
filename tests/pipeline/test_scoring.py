"""Automatic scores: one of each author, marked as what they are, whatever fails or runs at once."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.curate.playing import play_session

import understudy
from understudy.errors import PlayerError, UsageError
from understudy.pipeline import scoring
from understudy.pipeline.scoring import (
    FAILURES_IN_A_ROW,
    open_judge,
    rater_author,
    score_by_judge,
    score_by_rule,
    to_score,
)
from understudy.players.backends.scripted import ScriptedModelServer

RULE = "auto:check-v1"
VERDICT = {"feedback": "It went straight there.", "justification": "optimal path", "score": 9}


def feedback(ws, identity):
    session = ws.session(identity)
    try:
        return session.feedback()
    finally:
        session.close()


@dataclass
class FixedJudge:
    """Answers from a list; an exception in it is raised."""

    answers: list[Any]
    model: str = "judge-1"
    asked: list[Any] = field(default_factory=list)

    def complete(self, messages, *, schema, purpose):
        self.asked.append((messages, schema, purpose))
        answer = self.answers[(len(self.asked) - 1) % len(self.answers)]
        if isinstance(answer, Exception):
            raise answer
        return Answered(answer)


@dataclass
class Answered:
    parsed: Any
    cost: float = 0.25
    refused: str = ""


# By rule ------------------------------------------------------------------------------------------


def test_the_rule_scores_what_has_a_check_and_says_what_it_left_out(ws):
    good = play_session(ws)
    bad = play_session(ws, success=False, missing=("the bag is not open",), of=1)
    play_session(ws, success=None, task=None)
    play_session(ws, success=False, completion="error")
    with ws.record(game="tavern") as chat:
        chat.chat(messages=[{"role": "user", "content": "hi"}], response={"role": "assistant"})
    report = score_by_rule(ws, ws.rows())
    assert (report.author, report.scored, report.by_score) == (RULE, 2, {2: 1, 10: 1})
    assert report.left_out == {
        "nobody played": 1,
        "asked freely, without a check": 1,
        "not played to an end": 1,
    }
    assert ws.find(good).auto_score == 10
    assert ws.find(bad).auto_score == 2
    [entry] = feedback(ws, good)
    assert entry.author == RULE
    assert "4 steps" in entry.comment
    assert "perfect execution" in entry.reason


def test_scoring_again_adds_nothing(ws):
    identity = play_session(ws)
    score_by_rule(ws, ws.rows())
    report = score_by_rule(ws, ws.rows())
    assert (report.scored, report.already) == (0, 1)
    assert len(feedback(ws, identity)) == 1


def test_a_changed_rule_scores_again_and_the_old_score_stays_written(ws, monkeypatch):
    identity = play_session(ws)
    score_by_rule(ws, ws.rows())
    monkeypatch.setattr(scoring.automatic, "AUTHOR", "auto:check-v2")
    assert score_by_rule(ws, ws.rows()).scored == 1
    assert [entry.author for entry in feedback(ws, identity)] == [RULE, "auto:check-v2"]


def test_an_automatic_score_never_becomes_a_human_one(ws):
    identity = play_session(ws)
    score_by_rule(ws, ws.rows())
    assert ws.find(identity).human_score is None
    session = ws.session(identity)
    session.add_feedback(author="human:ann", score=3)
    assert ws.find(identity).human_score == 3
    assert ws.find(identity).auto_score == 10


def test_a_session_that_is_gone_or_archived_stops_nothing(ws):
    gone, archived, well = (play_session(ws) for _ in range(3))
    rows = ws.rows(newest_first=False)
    ws.forget(gone)
    ws.archive_session(archived)
    report = score_by_rule(ws, [rows[0], ws.find(archived), rows[2]])
    assert report.scored == 1
    assert [failure.session for failure in report.failed] == [gone]
    assert report.left_out == {"archived": 1}
    assert ws.find(well).auto_score == 10


def test_a_session_that_another_process_is_changing_is_left_to_it(ws):
    identity = play_session(ws)
    with ws.exclusive(identity):
        report = score_by_rule(ws, ws.rows())
    assert (report.scored, report.failed) == (0, [])
    assert sum(report.left_out.values()) == 1
    assert feedback(ws, identity) == []


@pytest.mark.slow
def test_two_that_score_at_once_give_each_session_one_score(ws):
    identities = [play_session(ws, actions=("press_a",)) for _ in range(30)]
    code = textwrap.dedent(
        """
        import sys, understudy
        from understudy.pipeline.scoring import score_by_rule
        with understudy.Workspace(sys.argv[1]) as ws:
            rows = ws.rows()
            print("ready", flush=True)
            sys.stdin.readline()
            print(score_by_rule(ws, rows).scored)
        """
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(ws.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout.readline() == "ready\n"
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    scored = [int(one.communicate()[0]) for one in both]
    score_by_rule(ws, ws.rows())
    assert sum(scored) <= 30
    assert [len(feedback(ws, identity)) for identity in identities] == [1] * 30


# By a judge ---------------------------------------------------------------------------------------


def test_a_judge_is_asked_about_everything_that_was_played_and_its_words_are_kept(ws):
    checked, free = play_session(ws), play_session(ws, success=None, task=None)
    judge = FixedJudge([VERDICT])
    report = score_by_judge(ws, ws.rows(), judge)
    assert (report.author, report.scored, report.cost) == ("model:judge-1", 2, 0.5)
    for identity in (checked, free):
        [entry] = feedback(ws, identity)
        assert (entry.author, entry.score) == ("model:judge-1", 9)
        assert (entry.comment, entry.reason) == (VERDICT["feedback"], VERDICT["justification"])
    messages, _, purpose = judge.asked[0]
    assert purpose == "judge"
    pictures = [part for part in messages[1]["content"] if part["type"] == "image_url"]
    assert len(pictures) == 3
    assert all(part["image_url"]["url"].startswith("data:image/png") for part in pictures)


def test_a_judge_that_has_scored_is_not_asked_again_and_another_one_is(ws):
    play_session(ws)
    score_by_judge(ws, ws.rows(), FixedJudge([VERDICT]))
    again = FixedJudge([VERDICT])
    assert score_by_judge(ws, ws.rows(), again).already == 1
    assert again.asked == []
    assert score_by_judge(ws, ws.rows(), FixedJudge([VERDICT], model="judge-2")).scored == 1


def test_what_a_judge_fails_on_is_named_and_the_rest_goes_on(ws):
    for _ in range(4):
        play_session(ws)
    answers = [PlayerError("no answer"), {**VERDICT, "score": 12}, None, VERDICT]
    report = score_by_judge(ws, ws.rows(newest_first=False), FixedJudge(answers))
    assert report.scored == 1
    assert [failure.reason.split(" ")[0] for failure in report.failed] == ["no", "the", "the"]
    assert report.gave_up is None
    assert [row.auto_score for row in ws.rows(newest_first=False)] == [None, None, None, 9]


def test_a_judge_that_only_fails_is_given_up(ws):
    for _ in range(FAILURES_IN_A_ROW + 2):
        play_session(ws, actions=("wait",))
    judge = FixedJudge([PlayerError("the server is gone")])
    report = score_by_judge(ws, ws.rows(), judge)
    assert len(judge.asked) == FAILURES_IN_A_ROW
    assert "2 not tried" in report.gave_up


def test_the_judge_of_the_settings_is_a_real_endpoint(ws, monkeypatch):
    identity = play_session(ws)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ScriptedModelServer([json.dumps(VERDICT)]) as server:
        (ws.path / "understudy.toml").write_text(
            f'[chat]\nbase_url = "{server.openai_url}"\nmodel = "judge-1"\n'
        )
        with understudy.Workspace(ws.path) as again, open_judge(again) as judge:
            report = score_by_judge(again, again.rows(), judge)
        asked = json.loads(server.requests[-1].body)
    assert (report.scored, report.failed) == (1, [])
    assert ws.find(identity).auto_score == 9
    assert "Score 9-10: Perfect execution" in asked["messages"][0]["content"]


def test_a_judge_without_a_name_is_refused(ws):
    with pytest.raises(UsageError, match="--judge-model"), open_judge(ws):
        pass


# By hand ------------------------------------------------------------------------------------------


def test_the_queue_holds_what_this_rater_has_not_scored(ws):
    first, second, third = (play_session(ws) for _ in range(3))
    ann, ben = rater_author(ws, "ann"), rater_author(ws, "ben")
    for identity, author in ((first, ann), (second, ben)):
        ws.session(identity).add_feedback(author=author, score=5)
    rows = ws.rows(newest_first=False)
    assert [row.id for row in to_score(ws, ann, rows)] == [second, third]
    assert [row.id for row in to_score(ws, ben, rows)] == [first, third]


def test_a_withdrawn_score_puts_the_session_back_into_the_queue(ws):
    session = ws.session(play_session(ws))
    entry = session.add_feedback(author="human:ann", score=5)
    assert to_score(ws, "human:ann", ws.rows()) == []
    session.add_feedback(author="human:ann", withdraws=entry.id)
    assert [row.id for row in to_score(ws, "human:ann", ws.rows())] == [session.id]


def test_what_is_archived_or_still_being_recorded_is_not_in_the_queue(ws):
    ws.archive_session(play_session(ws))
    with ws.record(metadata={"max_steps": 3}) as session:
        session.step(action="wait")
        assert to_score(ws, "human:ann", ws.rows()) == []


@pytest.mark.parametrize("name", ["", "  ", "ann@example.org"])
def test_a_rater_needs_a_name_that_is_stored_as_it_is(ws, name):
    """Two people whose names are masked would become one."""
    with pytest.raises(UsageError, match="rater"):
        rater_author(ws, name)
