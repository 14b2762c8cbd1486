"""The sink: which session a call goes into, when sessions end, and what is said about losses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from understudy.capture import sink as sink_module
from understudy.capture.sink import CallSink
from understudy.chat.record import CallRecord, ToolCall
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "ws") as opened:
        yield opened


def call(text: str, **fields: Any) -> CallRecord:
    return CallRecord(
        dialect="openai-chat",
        model="m",
        messages=[{"role": "user", "content": text}],
        response={"role": "assistant", "content": f"re: {text}"},
        status="complete",
        **fields,
    )


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)


def test_the_whole_record_is_in_the_trace(workspace: Workspace) -> None:
    sink = CallSink(workspace)
    tool = ToolCall(id="1", name="pour", arguments='{"cups":2}', parsed={"cups": 2})
    sink.submit(call("a", tool_calls=[tool], usage={"input_tokens": 3}, stream=True))
    sink.close()
    (session,) = workspace.sessions()
    (step,) = session.trace()
    assert isinstance(step, ChatStep)
    assert session.status == "sealed"
    assert step.response == {"role": "assistant", "content": "re: a"}
    assert step.call["tool_calls"][0]["parsed"] == {"cups": 2}
    assert step.call["usage"] == {"input_tokens": 3}
    assert step.call["stream"] is True


def test_a_turn_that_goes_on_joins_its_conversation(workspace: Workspace) -> None:
    sink = CallSink(workspace)
    first = call("a")
    sink.submit(first)
    history = [*first.messages, first.response, {"role": "user", "content": "more"}]
    sink.submit(
        CallRecord(dialect="d", model="m", messages=history, response=None, status="client_closed")
    )
    sink.submit(call("somebody else"))
    sink.close()
    assert sorted(len(list(s.trace())) for s in workspace.sessions()) == [1, 2]


def test_a_call_that_cannot_be_made_into_a_record_costs_only_itself(workspace: Workspace) -> None:
    def broken() -> CallRecord:
        raise ValueError("half a request")

    sink = CallSink(workspace)
    sink.submit_later(broken, session_name="n")
    sink.submit(call("a"), session_name="n")
    sink.close()
    assert (sink.seen, sink.stored, sink.dropped) == (2, 1, 1)
    assert "half a request" in (sink.last_error or "")


def test_what_comes_after_closing_is_counted_and_closing_twice_is_harmless(
    workspace: Workspace,
) -> None:
    sink = CallSink(workspace)
    sink.close()
    sink.close()
    sink.submit(call("late"))
    assert (sink.seen, sink.stored, sink.dropped) == (1, 0, 1)
    assert "closed" in (sink.last_error or "")


def test_more_bytes_than_fit_are_dropped_and_counted(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "WAITING_BYTES", 1000)
    sink = CallSink(workspace)
    sink.submit_later(lambda: call("a"), size=2000)
    sink.close()
    assert (sink.seen, sink.stored, sink.dropped) == (1, 0, 1)


def test_idle_conversations_are_sealed_and_named_sessions_stay_open(tmp_path: Path) -> None:
    with Workspace(tmp_path / "ws") as workspace:
        (workspace.path / "understudy.toml").write_text("[proxy]\nidle_session_s = 0.05\n")
    with Workspace(tmp_path / "ws") as workspace:
        sink = CallSink(workspace)
        sink.submit(call("a"))
        sink.submit(call("b"), session_name="kept")
        wait_until(lambda: any(s.status == "sealed" for s in workspace.sessions()))
        open_names = [s.metadata.name for s in workspace.sessions() if s.status != "sealed"]
        sink.submit(call("a"))
        sink.close()
        assert open_names == ["kept"]
        assert (sink.seen, sink.stored) == (3, 3)
        assert len(list(workspace.sessions())) == 3


def test_only_so_many_sessions_are_open_at_once(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "OPEN_SESSIONS", 2)
    sink = CallSink(workspace)
    for number in range(4):
        sink.submit(call(str(number)), session_name=f"s{number}")
    wait_until(lambda: sink.stored == 4)
    sealed = [s.metadata.name for s in workspace.sessions(status="sealed")]
    sink.close()
    assert sorted(sealed) == ["s0", "s1"]
