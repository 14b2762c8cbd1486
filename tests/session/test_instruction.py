"""The steps of a played session as training rows, and the view that is made of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import understudy
from understudy.session.instruction import PREVIOUS_ACTIONS, instruction_record
from understudy.session.reader import RecordedSession
from understudy.session.views import TRAINING_NAME

SCREEN = np.zeros((4, 6, 3), np.uint8)
TASK = {"id": "list-bag", "words": "list the bag", "group": "bag", "goal": "Knowing what is there"}


def played(ws: understudy.Workspace, *, training: bool = True) -> RecordedSession:
    """A session of three steps and a chat, as a player leaves it."""
    recorder = ws.record(
        game="pocket",
        task="list the bag",
        player="script",
        name="bags",
        metadata={"max_steps": 9, "seed": 1, "save_training_data": training, "task": TASK},
    )
    recorder.step(
        action="press_start", observation="In town.", screenshot=SCREEN, success=True,
        reasoning="The menu has the bag.", expected_outcome="It opens.", screen="aa",
    )  # fmt: skip
    recorder.chat(messages=[{"role": "user", "content": "What now?"}], response=None)
    recorder.step(action="press_b", success=False, mistake=True, model="eyes-1")
    recorder.step(action="report: 3 potions", screenshot=SCREEN, success=True)
    recorder.seal(success=True, outcome="3 potions", completion="success")
    return ws.session(recorder.id)


def records(session: RecordedSession) -> list[dict[str, Any]]:
    text = (session.path / TRAINING_NAME).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# Rows -------------------------------------------------------------------------------------------


def test_a_row_is_one_decision_with_all_that_is_known_of_its_session(
    ws: understudy.Workspace,
) -> None:
    session = played(ws)
    first, second, third = session.instruction_rows()
    assert (first.session, first.name, first.game) == (session.id, "bags", "pocket")
    assert (first.task_id, first.player, first.goal) == ("list-bag", "script", TASK["goal"])
    assert first.instruction == "List the bag"
    assert (first.memory_context, first.screen) == ("In town.", "aa")
    assert first.screenshot == "screenshots/step_01_before_action.png"
    assert first.reasoning == "The menu has the bag."
    assert first.expected_outcome == "It opens."
    assert [row.n for row in (first, second, third)] == [1, 3, 4]
    assert [row.step_number for row in (first, second, third)] == [1, 2, 3]
    assert [row.total_steps for row in (first, second, third)] == [9, 9, 9]
    assert [row.effect for row in (first, second, third)] == [True, False, True]
    assert [row.mistake for row in (first, second, third)] == [False, True, False]
    assert {row.success for row in (first, second, third)} == {True}
    assert [row.model_used for row in (first, second, third)] == ["script", "eyes-1", "script"]
    assert third.previous_actions == ["press_start", "press_b"]
    assert third.action == "report: 3 potions"


def test_only_the_last_actions_are_told(ws: understudy.Workspace) -> None:
    recorder = ws.record(metadata={"max_steps": 30})
    for number in range(15):
        recorder.step(action=f"press_{number}")
    recorder.seal()
    *_, last = ws.session(recorder.id).instruction_rows()
    assert last.previous_actions == [f"press_{number}" for number in range(4, 14)]
    assert len(last.previous_actions) == PREVIOUS_ACTIONS


def test_an_extension_counts_from_where_it_was_given(ws: understudy.Workspace) -> None:
    recorder = ws.record(metadata={"max_steps": 1})
    recorder.step(action="a")
    recorder.event("extension", steps=5, after=1)
    recorder.step(action="b")
    recorder.event("extension", steps="no number")
    recorder.step(action="c")
    recorder.seal()
    assert [row.total_steps for row in ws.session(recorder.id).instruction_rows()] == [1, 6, 6]


def test_a_session_that_nobody_played_by_a_budget_has_rows_too(ws: understudy.Workspace) -> None:
    with ws.record(game="chess", task="mate in two", player="engine", model="m1") as recorder:
        recorder.step(action={"from": "e2", "to": "e4"}, observation="Opening.")
    [row] = ws.session(recorder.id).instruction_rows()
    assert row.action == '{"from":"e2","to":"e4"}'
    assert (row.instruction, row.goal) == ("Mate in two", "mate in two")
    assert (row.total_steps, row.model_used, row.success) == (1, "m1", None)
    assert (row.screenshot, row.screen, row.effect) == (None, None, None)


def test_an_unsealed_session_has_rows_of_what_is_there(ws: understudy.Workspace) -> None:
    recorder = ws.record(metadata={"max_steps": 5})
    recorder.step(action="a")
    [row] = ws.session(recorder.id).instruction_rows()
    assert (row.total_steps, row.success) == (5, None)
    recorder.seal()


def test_a_record_has_exactly_the_keys_of_the_specification(ws: understudy.Workspace) -> None:
    session = played(ws)
    row = next(session.instruction_rows())
    picture = session.picture_of(row)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
    assert instruction_record(row, picture) == {
        "instruction": "List the bag",
        "input": {
            "game_state": {
                "screenshot_base64": base64.b64encode(picture).decode(),
                "memory_context": "In town.",
                "previous_actions": [],
            },
            "task_context": {
                "step_number": 1,
                "total_steps": 9,
                "goal": "Knowing what is there",
            },
        },
        "output": {
            "action": "press_start",
            "reasoning": "The menu has the bag.",
            "expected_outcome": "It opens.",
        },
        "metadata": {
            "session_id": session.id,
            "timestamp": row.timestamp,
            "model_used": "script",
            "success": True,
            "human_score": None,
        },
    }


def test_a_picture_that_was_not_kept_is_an_empty_text(ws: understudy.Workspace) -> None:
    session = played(ws)
    _, second, third = session.instruction_rows()
    assert session.picture_of(second) is None
    assert instruction_record(second, None)["input"]["game_state"]["screenshot_base64"] == ""
    (session.path / str(third.screenshot)).unlink()
    assert session.picture_of(third) is None


# The view ---------------------------------------------------------------------------------------


def test_the_view_holds_a_record_for_each_step(ws: understudy.Workspace) -> None:
    session = played(ws)
    assert records(session) == [
        json.loads(msgspec.json.encode(instruction_record(row, session.picture_of(row))))
        for row in session.instruction_rows()
    ]
    assert ws.verify(session.id) == []


def test_it_is_written_only_where_it_was_asked_for(ws: understudy.Workspace) -> None:
    session = played(ws, training=False)
    assert not (session.path / TRAINING_NAME).exists()
    assert ws.verify(session.id) == []


def test_a_score_is_in_it_at_once(ws: understudy.Workspace) -> None:
    session = played(ws)
    assert {record["metadata"]["human_score"] for record in records(session)} == {None}
    session.add_feedback(score=8, author="human:ann")
    session.add_feedback(score=3, author="auto:check")
    assert {record["metadata"]["human_score"] for record in records(session)} == {8}
    assert ws.verify(session.id) == []


def test_a_view_that_says_otherwise_or_is_missing_is_a_problem(ws: understudy.Workspace) -> None:
    session = played(ws)
    path = session.path / TRAINING_NAME
    path.write_bytes(path.read_bytes().replace(b"press_b", b"press_a"))
    [problem] = ws.verify(session.id)
    assert (problem.file, problem.reason) == (TRAINING_NAME, "does not say what the record says")
    path.unlink()
    [problem] = ws.verify(session.id)
    assert problem.file == TRAINING_NAME


def test_no_fact_of_a_step_hides_what_the_trace_view_says_of_it(ws: understudy.Workspace) -> None:
    with ws.record() as recorder:
        recorder.step(
            action="a", observation="In town.", timestamp="never", ai_analysis="x",
            action_taken="b", mood="fine",
        )  # fmt: skip
    session = ws.session(recorder.id)
    [step] = session.trace()
    view = json.loads((session.path / "execution_trace.json").read_text())["execution_trace"][0]
    assert (view["step"], view["timestamp"]) == (1, step.time)
    assert (view["action_taken"], view["ai_analysis"]) == ("a", "In town.")
    assert view["mood"] == "fine"


# Masking afterwards -----------------------------------------------------------------------------

WORDS = ["Ashdown", 'O"Brien', "Mirela"]


@pytest.fixture
def private(tmp_path: Path) -> RecordedSession:
    """A session in which names were said before anybody listed them, with a mask for them now."""
    with understudy.Workspace(tmp_path / "ws") as ws:
        recorder = ws.record(
            task="greet Ashdown", metadata={"max_steps": 5, "save_training_data": True}
        )
        for name in ("Ashdown", "Mirela"):
            recorder.step(
                action=f"report: {name} is here", observation="A hall.", screenshot=SCREEN,
                reasoning=f"It is\n{name}.", screen="aa", screen_after="aa", success=False,
            )  # fmt: skip
        recorder.analysis(
            "error_analysis", {"failed": [{"detail": 'it is O"Brien\nor Ashdown', "phone": 12}]}
        )
        recorder.seal(outcome="Mirela is here", completion="step_limit")
        session = ws.session(recorder.id)
        session.add_feedback(score=7, author="human:Mirela", comment="Ashdown!")
    listed = "\n".join(json.dumps(word) + "," for word in WORDS)
    toml = f"schema = 1\n[mask]\nwords = [\n{listed}\n]\n"
    (tmp_path / "ws" / "understudy.toml").write_text(toml)
    return session


def test_masking_reaches_the_training_data_and_the_analysis(private: RecordedSession) -> None:
    with understudy.Workspace(private.path.parents[1]) as ws:
        report = ws.scan()
        assert {(found.file, found.line) for found in report.findings} >= {
            ("analysis/error_analysis.json", None),
            ("trace.jsonl", 1),
        }
        assert all(found.file != TRAINING_NAME for found in report.findings)
        assert ws.scan(mask=True).masked == [private.id]
        assert ws.verify(private.id) == []
        session = ws.session(private.id)
        for path in session.path.rglob("*"):
            if path.is_file():
                content = path.read_text(errors="replace")
                for word in (*WORDS, 'O\\"Brien'):
                    assert word not in content, path.name
        assert [record["output"]["action"] for record in records(session)] == [
            "report: [WORD] is here"
        ] * 2
        assert {record["metadata"]["human_score"] for record in records(session)} == {7}
        analysis = (session.path / "analysis" / "error_analysis.json").read_text()
        assert json.loads(analysis) == {
            "failed": [{"detail": "it is [WORD]\nor [WORD]", "phone": 12}]
        }
        assert ws.scan().findings == []


def test_two_actions_that_are_one_once_they_are_masked_are_counted_as_one(
    private: RecordedSession,
) -> None:
    with understudy.Workspace(private.path.parents[1]) as ws:
        before = ws.find(private.id).play
        assert before is not None
        assert before.repeated == 0
        ws.scan(mask=True)
        after = ws.find(private.id).play
        assert after is not None
        assert after.repeated == 1
        assert ws.verify(private.id) == []


def test_an_analysis_in_the_archive_is_looked_into_too(private: RecordedSession) -> None:
    with understudy.Workspace(private.path.parents[1]) as ws:
        ws.archive_session(private.id)
        report = ws.scan(archived=True)
        assert any(found.file == "analysis/error_analysis.json" for found in report.findings)
        ws.scan(archived=True, mask=True)
        assert ws.scan(archived=True).findings == []
        assert ws.verify(private.id) == []
        ws.restore(private.id)
        assert len(records(ws.session(private.id))) == 2
        assert ws.verify(private.id) == []
