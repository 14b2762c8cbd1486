"""What a caller hands over as another type than the record has never costs the session."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import understudy
from understudy.session.recording.fields import fit_fields
from understudy.session.steps import AgentStep, ChatStep


@pytest.fixture
def ws(tmp_path: Path) -> understudy.Workspace:
    return understudy.Workspace(tmp_path / "ws")


def test_an_observation_that_is_no_text_is_kept_as_json_and_the_session_sealed(
    ws: understudy.Workspace,
) -> None:
    with ws.record(game="tavern") as recorder:
        assert recorder.step(action="look", observation={"hp": 3}, success=1, reward="2.5")
    assert recorder.sealed
    step = next(iter(ws.session(recorder.id).trace()))
    assert isinstance(step, AgentStep)
    assert (step.observation, step.success, step.reward) == ('{"hp":3}', True, 2.5)


def test_what_fits_no_field_is_kept_beside_it_by_its_name(ws: understudy.Workspace) -> None:
    with ws.record(game="tavern") as recorder:
        recorder.step(action="look", tokens=[1, 2], reward={"gold": 1}, mood="calm")
        recorder.chat(messages="no list", response=3, tools=["roll"])
    assert recorder.counters.facts()["bad_values"] == 5
    step, chat = ws.session(recorder.id).trace()
    assert isinstance(step, AgentStep)
    assert isinstance(chat, ChatStep)
    assert step.facts == {"mood": "calm", "tokens": [1, 2], "reward": {"gold": 1}}
    assert (chat.messages, chat.response, chat.tools) == ([], None, [])
    assert chat.call == {"messages": "no list", "response": 3, "tools": ["roll"]}


def test_what_fits_is_left_as_it_is() -> None:
    given_ = {"messages": [{"role": "user", "content": "hi"}], "response": None, "model": "m"}
    assert fit_fields("chat", given_, pytest.fail) == given_


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = ("action", "observation", "reasoning", "expected_outcome", "result", "success", "reward",
          "latency_s", "tokens", "model")  # fmt: skip


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    step=st.dictionaries(st.sampled_from(FIELDS), json_values),
    chat=st.fixed_dictionaries(
        {"messages": json_values, "response": json_values, "tools": json_values}
    ),
)
def test_a_session_is_sealed_and_read_whatever_was_handed_over(
    ws: understudy.Workspace, step: dict[str, Any], chat: dict[str, Any]
) -> None:
    with ws.record(durability="interval") as recorder:
        recorder.step(**step)
        recorder.chat(**chat)
    assert recorder.sealed
    assert len(list(ws.session(recorder.id).trace())) == 2


@pytest.mark.parametrize(
    "given_",
    [
        {"game": None},
        {"game": 3, "name": 5, "model": 5},
        {"task": b"win", "license": None},
        {"tags": [1, "two"]},
        {"tags": "one"},
        {"tags": None, "metadata": [1]},
        {"metadata": {"engine": object()}},
        {"tick_hz": "60"},
        {"tick_hz": 0, "durability": "always"},
        {"name": "\ud800"},
    ],
)
def test_a_session_begins_and_is_found_again_whatever_it_was_begun_with(
    ws: understudy.Workspace, given_: dict[str, Any]
) -> None:
    with ws.record(**given_) as recorder:
        assert recorder.step(action="look")
        recorder.frame(reward=1.0)
    assert recorder.sealed
    assert ws.session(recorder.id).metadata.steps == 1
    assert ws.verify(recorder.id) == []


def test_what_a_session_is_begun_with_is_kept_as_text(ws: understudy.Workspace) -> None:
    with ws.record(game=3, tags="one", metadata=[1]) as recorder:  # type: ignore[arg-type]
        pass
    header = ws.session(recorder.id).header
    assert (header.game, header.tags, header.metadata) == ("3", ("one",), {"metadata": [1]})
    assert recorder.counters.facts()["bad_values"] == 2
