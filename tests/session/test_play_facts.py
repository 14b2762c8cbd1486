"""What a played task comes to: counted from the steps, checked against them, listed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import understudy
from understudy.session.header import SessionHeader
from understudy.session.play_facts import PlayTally, play_facts, tally, was_played
from understudy.session.steps import AgentStep, EventStep
from understudy.session.verify import verify
from understudy.store.manifest import read_manifest, write_manifest

NOW = "2026-01-01T00:00:00+00:00"


def step(action: str, *, screens: str | None = None, success: bool | None = True, **facts: Any):
    """A step; ``screens`` are the digests before and after, such as ``ab``."""
    if screens is not None:
        facts |= {"screen": screens[0], "screen_after": screens[1]}
    shot = facts.pop("screenshot", None)
    return AgentStep(
        n=1, time=NOW, step=1, action=action, success=success, facts=facts, screenshot=shot
    )


def counted(*steps: AgentStep) -> dict[str, Any]:
    return tally(steps)


def test_nothing_played_comes_to_nothing() -> None:
    assert counted() == {
        "no_effect": 0,
        "repeated": 0,
        "mistakes": 0,
        "examples": 0,
        "screens": 0,
        "path": "",
    }


def test_screens_are_counted_once_each_before_and_after() -> None:
    facts = counted(step("a", screens="ab"), step("b", screens="ba"), step("c", screens="ac"))
    assert facts["screens"] == 3


def test_what_changed_nothing_is_counted_but_not_waiting() -> None:
    assert counted(step("press_a", success=False), step("wait", success=False))["no_effect"] == 1


def test_the_same_action_on_the_same_picture_again_is_a_repetition() -> None:
    facts = counted(
        step("press_a", screens="aa"),
        step("press_b", screens="aa"),
        step("press_a", screens="ab"),
        step("press_a", screens="bb"),
        step("press_a"),
        step("press_a"),
    )
    assert facts["repeated"] == 1


def test_mistakes_and_pictures_are_counted() -> None:
    facts = counted(step("a", mistake=True), step("b", screenshot="x.png"), step("c"))
    assert (facts["mistakes"], facts["examples"]) == (1, 1)


def test_the_path_tells_the_actions_without_their_words_and_the_same_ones_together() -> None:
    facts = counted(step("press_a"), step("press_a"), step("report: two potions"), step("press_a"))
    assert facts["path"] == "press_a*2 report press_a"


def test_a_very_long_path_is_cut_and_everything_still_counted() -> None:
    counting = PlayTally()
    for number in range(5000):
        counting.add(step(f"press_{number % 2}", success=False))
    facts = counting.facts()
    assert facts["no_effect"] == 5000
    assert len(facts["path"].split()) == 1000


def test_other_lines_of_a_trace_are_passed_over() -> None:
    assert tally([EventStep(n=1, time=NOW, kind="paused")])["path"] == ""


def header(**metadata: Any) -> SessionHeader:
    return SessionHeader(
        id="X", directory="d", name="n", started=NOW, understudy="1", metadata=metadata
    )


def test_only_what_has_a_step_budget_was_played() -> None:
    assert was_played(header(max_steps=5))
    for metadata in ({}, {"max_steps": "5"}, {"max_steps": None}):
        assert not was_played(header(**metadata))
        assert play_facts(header(**metadata), {}) is None


def test_the_facts_of_header_seal_and_steps_come_together() -> None:
    task = {"id": "open-bag", "group": "bag", "difficulty": 2, "reference_steps": 3}
    facts = play_facts(
        header(max_steps=9, seed=4, task=task),
        {
            "play": counted(step("press_a", screens="ab")),
            "completion": "step_limit",
            "check": {"success": False, "missing": ["x", "y"], "of": 3},
        },
    )
    assert facts is not None
    assert (facts.task_id, facts.group, facts.difficulty) == ("open-bag", "bag", 2)
    assert (facts.reference_steps, facts.max_steps, facts.seed) == (3, 9, 4)
    assert (facts.completion, facts.conditions, facts.missing) == ("step_limit", 3, 2)
    assert (facts.screens, facts.path) == (2, "press_a")


@pytest.mark.parametrize(
    "metadata", [{"task": "open the bag"}, {"task": {"id": 7}}, {"seed": "one"}]
)
def test_a_strangers_session_that_uses_the_same_words_otherwise_is_listed(
    ws: understudy.Workspace, metadata: dict[str, Any]
) -> None:
    with ws.record(task="x", metadata={"max_steps": 5, **metadata}) as recorder:
        recorder.step(action="a")
    assert ws.find(recorder.id).play is not None
    assert ws.verify(recorder.id) == []


def test_a_count_that_the_steps_do_not_bear_out_is_found(ws: understudy.Workspace) -> None:
    with ws.record(metadata={"max_steps": 5}) as recorder:
        recorder.step(action="press_a", success=False)
    manifest = read_manifest(recorder.path)
    assert manifest.facts["play"]["no_effect"] == 1
    # Given a seal that says otherwise
    play = {**manifest.facts["play"], "no_effect": 7}
    write_manifest(
        recorder.path, msgspec.structs.replace(manifest, facts={**manifest.facts, "play": play})
    )
    [problem] = verify(recorder.path)
    assert problem.file == "manifest.json"
    assert "'no_effect': 7" in problem.reason
