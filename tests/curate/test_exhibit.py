"""What is shown of a session before it is scored: its beginning, its end, and its check."""

from __future__ import annotations

import pytest
from tests.curate.playing import picture, play_session

from understudy.curate.exhibit import exhibit
from understudy.errors import StorageError
from understudy.store.checked_lines import seal_line


def shown(ws, identity):
    session = ws.session(identity)
    try:
        return exhibit(session)
    finally:
        session.close()


def test_task_result_steps_of_the_limit_and_check_are_shown(ws):
    found = shown(ws, play_session(ws))
    assert found.task == "check what healing items I have in my bag"
    assert found.result == "success: 3 potions"
    assert (found.steps, found.max_steps, found.reference_steps) == (4, 15, 4)
    assert found.check == "passed"


def test_a_failed_check_says_what_is_missing(ws):
    found = shown(ws, play_session(ws, success=False, missing=("the bag is not open", "no report")))
    assert found.check == "failed: the bag is not open; no report"
    assert found.result.startswith("step limit")


def test_what_was_asked_freely_has_no_check(ws):
    found = shown(ws, play_session(ws, success=None, task=None))
    assert (found.check, found.reference_steps) == ("", None)
    assert found.task == "walk around a little"


def test_with_all_screenshots_the_first_the_one_before_the_end_and_the_last_are_shown(ws):
    found = shown(ws, play_session(ws, collect=True))
    assert [one.path.name for one in found.pictures] == [
        "step_01_before_action.png", "step_04_before_action.png", "step_04_after_action.png",
    ]  # fmt: skip
    assert [one.caption for one in found.pictures] == [
        "before step 1", "before step 4: report: 3 potions", "after step 4",
    ]  # fmt: skip
    assert all(one.path.is_file() for one in found.pictures)


def test_without_those_after_the_last_two_before_stand_for_the_end(ws):
    found = shown(ws, play_session(ws))
    assert [one.path.name for one in found.pictures] == [
        "step_01_before_action.png", "step_03_before_action.png", "step_04_before_action.png",
    ]  # fmt: skip


def test_pictures_that_are_alike_are_shown_once_with_what_both_are(ws):
    with ws.record(metadata={"max_steps": 5}) as session:
        session.step(action="press_a", screenshot=picture(1), screenshot_after=picture(2))
        session.step(action="report: done", screenshot=picture(2), screenshot_after=picture(2))
    assert [one.caption for one in shown(ws, session.id).pictures] == [
        "before step 1", "before step 2: report: done = after step 2",
    ]  # fmt: skip


@pytest.mark.parametrize(("actions", "pictures"), [((), 0), (("press_a",), 1), (("wait",) * 2, 2)])
def test_a_short_session_shows_no_picture_twice(ws, actions, pictures):
    assert len(shown(ws, play_session(ws, actions=actions)).pictures) == pictures


def test_a_session_that_was_never_sealed_can_be_shown(ws):
    with ws.record(task="win", metadata={"max_steps": 5}) as session:
        session.step(action="wait")
        found = shown(ws, session.id)
    assert (found.result, found.steps) == ("not sealed", 1)


def test_a_trace_that_names_a_file_elsewhere_shows_nothing_of_it(ws):
    session = ws.session(play_session(ws, actions=("wait",)))
    trace = session.path / "trace.jsonl"
    line = b'{"type":"step","n":1,"time":"2026","step":1,"screenshot":"../../../secret.png"}'
    trace.write_bytes(seal_line(line))
    with pytest.raises(StorageError, match="secret"):
        exhibit(session)
