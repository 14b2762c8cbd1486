"""Wrapped clients: they behave as before, and every call they make is in a session."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pydantic
import pytest

from understudy.capture.client import capture_client
from understudy.errors import CaptureError
from understudy.players.backends.scripted import Answer, ScriptedModelServer
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

ASK: Any = [{"role": "user", "content": "Ale, please!"}]
POUR = Answer(text="Here you are.", tool_calls=[("pour", {"cups": 2})])


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "ws") as opened:
        yield opened


def plain(server: ScriptedModelServer, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-k", base_url=server.openai_url, max_retries=0, **options)


def chats(workspace: Workspace) -> list[ChatStep]:
    steps = [step for session in workspace.sessions() for step in session.trace()]
    return [step for step in steps if isinstance(step, ChatStep)]


def texts(workspace: Workspace) -> list[Any]:
    return [(step.response or {}).get("content") for step in chats(workspace)]


@pytest.mark.slow
def test_every_way_of_calling_openai_works_and_is_captured(workspace: Workspace) -> None:
    class Order(pydantic.BaseModel):
        cups: int

    with (
        ScriptedModelServer(lambda messages: '{"cups": 2}') as server,
        plain(server) as original,
        capture_client(original, workspace=workspace) as client,
    ):
        assert type(client) is openai.OpenAI
        chat = client.chat.completions
        asked: Any = {"model": "m", "messages": ASK}
        assert chat.create(**asked).choices[0].message.content == '{"cups": 2}'
        pieces = chat.create(**asked, stream=True)
        assert isinstance(pieces, openai.Stream)
        assert "".join(p.choices[0].delta.content or "" for p in pieces) == '{"cups": 2}'
        with chat.stream(**asked) as stream:
            assert stream.get_final_completion().choices[0].message.content == '{"cups": 2}'
        assert chat.parse(**asked, response_format=Order).choices[0].message.parsed == Order(cups=2)
        raw = chat.with_raw_response.create(**asked)
        assert raw.parse().choices[0].message.content == '{"cups": 2}'
        with chat.with_streaming_response.create(**asked) as answer:
            assert '\\"cups\\"' in answer.read().decode()
        assert client.responses.create(model="m", input="Ale!").output_text == '{"cups": 2}'
        events = list(client.responses.create(model="m", input="Ale!", stream=True))
        assert events[-1].type == "response.completed"
        assert client.with_options(timeout=9).responses.create(model="m", input="Ale!").id
        assert [model.id for model in client.models.list()] == ["scripted-1"]
    assert texts(workspace) == ['{"cups": 2}'] * 9
    assert {step.status for step in chats(workspace)} == {"complete"}


def test_the_original_client_is_left_as_it_was(workspace: Workspace) -> None:
    with ScriptedModelServer(["a"]) as server, plain(server) as original:
        before = original.chat.completions
        with capture_client(original, workspace=workspace) as client:
            client.chat.completions.create(model="m", messages=ASK)
            original.chat.completions.create(model="m", messages=ASK)
        assert original.chat.completions is before
    assert len(chats(workspace)) == 1


@pytest.mark.slow
def test_a_client_wrapped_in_passing_outlives_its_original(workspace: Workspace) -> None:
    with ScriptedModelServer(["a"]) as server:
        client = capture_client(plain(server), workspace=workspace)
        gc.collect()
        client.chat.completions.create(model="m", messages=ASK)
        client.close()
    assert texts(workspace) == ["a"]


def test_async_clients_are_captured_streamed_and_not(workspace: Workspace) -> None:
    async def talk(url: str) -> None:
        made = openai.AsyncOpenAI(api_key="k", base_url=url)
        async with made, capture_client(made, workspace=workspace) as client:
            chat = client.chat.completions
            await chat.create(model="m", messages=ASK)
            stream = await chat.create(model="m", messages=ASK, stream=True)
            assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "Hi there"
            async with chat.stream(model="m", messages=ASK) as helper:
                await helper.until_done()

    with ScriptedModelServer(["Hi there"]) as server:
        asyncio.run(talk(server.openai_url))
    assert texts(workspace) == ["Hi there"] * 3


def test_anthropic_clients_are_captured_sync_async_and_streamed(workspace: Workspace) -> None:
    asked: Any = {"model": "m", "max_tokens": 9, "messages": ASK}

    async def talk(url: str) -> None:
        made = anthropic.AsyncAnthropic(api_key="k", base_url=url)
        async with made, capture_client(made, workspace=workspace) as client:
            await client.messages.create(**asked)

    with ScriptedModelServer([POUR]) as server:
        made = anthropic.Anthropic(api_key="k", base_url=server.url)
        with made, capture_client(made, workspace=workspace) as client:
            assert type(client) is anthropic.Anthropic
            client.messages.create(**asked)
            with client.messages.stream(**asked) as stream:
                assert "".join(stream.text_stream) == POUR.text
        asyncio.run(talk(server.url))
    assert texts(workspace) == [POUR.text] * 3


@pytest.mark.slow
def test_errors_and_retries_are_as_before_and_each_attempt_is_recorded(
    workspace: Workspace,
) -> None:
    script = [Answer(status=500, text="Spilled."), "Here.", Answer(status=400, text="No.")]
    with ScriptedModelServer(script) as server:
        made = openai.OpenAI(api_key="k", base_url=server.openai_url, max_retries=1)
        with made, capture_client(made, workspace=workspace) as client:
            answer = client.chat.completions.create(model="m", messages=ASK)
            assert answer.choices[0].message.content == "Here."
            with pytest.raises(openai.BadRequestError, match=r"No\."):
                client.chat.completions.create(model="m", messages=ASK)
    statuses = [step.status for step in chats(workspace)]
    assert statuses == ["upstream_error", "complete", "upstream_error"]


def test_a_stream_given_up_and_one_that_breaks_are_told_apart(workspace: Workspace) -> None:
    script = [Answer(text="one two three"), Answer(text="one two three", break_after=3)]
    with (
        ScriptedModelServer(script) as server,
        plain(server) as original,
        capture_client(original, workspace=workspace) as client,
    ):
        given_up = client.chat.completions.create(model="m", messages=ASK, stream=True)
        next(iter(given_up))
        given_up.close()
        broken = client.chat.completions.create(model="m", messages=ASK, stream=True)
        with pytest.raises(openai.APIConnectionError):
            list(broken)
    assert [step.status for step in chats(workspace)] in (
        ["client_closed", "upstream_error"],
        ["complete", "upstream_error"],  # all of it had arrived with the first piece
    )


def test_a_server_that_is_not_there_raises_as_before_and_is_recorded(workspace: Workspace) -> None:
    made = openai.OpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    with (
        made,
        capture_client(made, workspace=workspace) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        client.chat.completions.create(model="m", messages=ASK)
    (step,) = chats(workspace)
    assert (step.status, step.call.get("http_status")) == ("upstream_error", None)


def test_calls_go_into_the_recorder_or_the_named_session(workspace: Workspace) -> None:
    with ScriptedModelServer(["a"]) as server, plain(server) as original:
        with workspace.record(game="tavern") as session:
            client = capture_client(original, session=session)
            client.chat.completions.create(model="m", messages=ASK)
        with (
            capture_client(original, workspace=workspace, session="night") as one,
            capture_client(original, workspace=workspace.path, session="day") as two,
        ):
            one.chat.completions.create(model="m", messages=ASK)
            one.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
            two.chat.completions.create(model="m", messages=ASK)
    names = {s.metadata.name: len(list(s.trace())) for s in workspace.sessions()}
    assert names == {"tavern": 1, "night": 2, "day": 1}


def test_a_storage_failure_stays_out_of_the_game(workspace: Workspace) -> None:
    workspace.runs.rmdir()
    workspace.runs.write_text("in the way")
    with (
        ScriptedModelServer(["a"]) as server,
        plain(server) as original,
        capture_client(original, workspace=workspace) as client,
    ):
        answer = client.chat.completions.create(model="m", messages=ASK)
    assert answer.choices[0].message.content == "a"


def test_keys_are_never_stored(workspace: Workspace) -> None:
    with (
        ScriptedModelServer(["a"]) as server,
        plain(server, default_headers={"X-Api-Key": "hunter2hunter2"}) as original,
        capture_client(original, workspace=workspace) as client,
    ):
        client.chat.completions.create(model="m", messages=ASK)
    stored = b"".join(path.read_bytes() for path in workspace.path.rglob("*") if path.is_file())
    assert b"hunter2hunter2" not in stored
    assert b"sk-k" not in stored


def test_wrapping_twice_does_not_record_twice(workspace: Workspace) -> None:
    with ScriptedModelServer(["a"]) as server, plain(server) as original:
        once = capture_client(original, workspace=workspace)
        with capture_client(once, workspace=workspace) as client:
            client.chat.completions.create(model="m", messages=ASK)
        once.close()
    assert len(chats(workspace)) == 1


@pytest.mark.parametrize("thing", [None, "client", object()])
def test_what_is_no_client_is_refused(thing: object, workspace: Workspace) -> None:
    with pytest.raises(CaptureError, match=r"cannot be captured"):
        capture_client(thing, workspace=workspace)
