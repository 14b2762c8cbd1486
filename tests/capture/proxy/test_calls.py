"""Calls of the official clients through the proxy: same answers, and all of it in a session."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from understudy.capture.proxy import ProxyServer
from understudy.players.backends.scripted import Answer, ScriptedModelServer
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

ASK: Any = [{"role": "user", "content": "Ale, please!"}]
POUR = Answer(text="Here — “two copper”.", tool_calls=[("pour", {"cups": 2})])


def chats(workspace: Workspace) -> list[Any]:
    return [
        step
        for session in workspace.sessions()
        for step in session.trace()
        if isinstance(step, ChatStep)
    ]


def test_chat_completions_are_captured_streamed_and_not(workspace: Workspace) -> None:
    with ScriptedModelServer([POUR]) as server:
        with (
            ProxyServer(workspace, upstream=server.url) as proxy,
            openai.OpenAI(api_key="sk-k", base_url=f"{proxy.url}/v1", max_retries=0) as client,
        ):
            whole = client.chat.completions.create(model="m", messages=ASK, temperature=0.5)
            pieces = client.chat.completions.create(model="m", messages=ASK, stream=True)
            said = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
        assert server.requests[0].headers["authorization"] == "Bearer sk-k"
    assert whole.choices[0].message.content == said == POUR.text
    first, second = chats(workspace)
    assert first.response == second.response | {
        "tool_calls": first.response["tool_calls"]
    }  # the ids of the two calls differ
    for step in (first, second):
        assert step.status == "complete"
        assert step.messages == ASK
        assert step.response["content"] == POUR.text
        assert step.response["tool_calls"][0]["function"]["arguments"] == '{"cups": 2}'
        assert step.call["total_s"] > 0
    assert first.call["params"]["temperature"] == 0.5
    assert second.call["first_token_s"] > 0


@pytest.mark.slow
def test_responses_are_captured_streamed_and_not(workspace: Workspace) -> None:
    with (
        ScriptedModelServer([POUR]) as server,
        ProxyServer(workspace, upstream=server.openai_url) as proxy,
        openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1", max_retries=0) as client,
    ):
        whole = client.responses.create(model="m", input="Ale!", instructions="Tavern.")
        with client.responses.stream(model="m", input="Ale!") as stream:
            final = stream.get_final_response()
    assert whole.output_text == final.output_text == POUR.text
    assert [step.response["content"] for step in chats(workspace)] == [POUR.text] * 2


def test_anthropic_messages_are_captured_streamed_and_not(workspace: Workspace) -> None:
    asked: Any = {"model": "m", "max_tokens": 9, "system": "Tavern.", "messages": ASK}
    with (
        ScriptedModelServer([POUR]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        anthropic.Anthropic(api_key="k", base_url=proxy.url, max_retries=0) as client,
    ):
        client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
    assert final.content[0].to_dict()["text"] == POUR.text
    steps = chats(workspace)
    assert [step.response["content"] for step in steps] == [POUR.text] * 2
    assert steps[0].messages[0]["role"] == "system"


@pytest.mark.slow
def test_async_clients_at_once_get_their_own_answers(workspace: Workspace) -> None:
    def echo(messages: list[dict[str, Any]]) -> str:
        return f"You said {messages[-1]['content']}"

    async def talk(url: str) -> list[str]:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1") as client:

            async def one(number: int) -> str:
                messages: Any = [{"role": "user", "content": f"n{number}"}]
                if number % 2:
                    answer = await client.chat.completions.create(model="m", messages=messages)
                    return answer.choices[0].message.content or ""
                stream = await client.chat.completions.create(
                    model="m", messages=messages, stream=True
                )
                return "".join([c.choices[0].delta.content or "" async for c in stream])

            return await asyncio.gather(*[one(number) for number in range(24)])

    with ScriptedModelServer(echo) as server, ProxyServer(workspace, upstream=server.url) as proxy:
        said = asyncio.run(talk(proxy.url))
    assert said == [f"You said n{number}" for number in range(24)]
    assert len(chats(workspace)) == 24


def test_one_conversation_is_one_session_and_another_is_another(workspace: Workspace) -> None:
    with (
        ScriptedModelServer(["Yes?", "Sure."]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1") as client,
    ):
        history: Any = [*ASK]
        for _ in range(2):
            answer = client.chat.completions.create(model="m", messages=history)
            history += [
                {"role": "assistant", "content": answer.choices[0].message.content},
                {"role": "user", "content": "More."},
            ]
        client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "Another table."}]
        )
    counts = sorted(len(list(session.trace())) for session in workspace.sessions())
    assert counts == [1, 2]


@pytest.mark.parametrize("way", ["header", "path"])
def test_a_named_session_collects_calls_and_the_name_is_not_forwarded(
    workspace: Workspace, way: str
) -> None:
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=server.url, token="opensesame") as proxy,
    ):
        base, headers = f"{proxy.url}/token/opensesame/session/night%201/v1", {}
        if way == "header":
            base = f"{proxy.url}/v1"
            headers = {"X-Understudy-Session": "night 1", "X-Understudy-Token": "opensesame"}
        with openai.OpenAI(api_key="k", base_url=base, default_headers=headers) as client:
            for text in ("one", "two"):
                client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": text}]
                )
    assert [request.path for request in server.requests] == ["/v1/chat/completions"] * 2
    assert not [n for n in server.requests[0].headers if n.startswith("x-understudy")]
    (session,) = workspace.sessions()
    assert session.metadata.name == "night 1"
    assert len(list(session.trace())) == 2
    stored = b"".join(path.read_bytes() for path in workspace.path.rglob("*") if path.is_file())
    assert b"opensesame" not in stored


def test_errors_of_the_model_server_reach_the_client_and_the_record(workspace: Workspace) -> None:
    with (
        ScriptedModelServer([Answer(status=429, text="Too thirsty.")]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1", max_retries=0) as client,
        pytest.raises(openai.RateLimitError, match="Too thirsty"),
    ):
        client.chat.completions.create(model="m", messages=ASK)
    (step,) = chats(workspace)
    assert (step.status, step.call["http_status"]) == ("upstream_error", 429)


def test_gzip_goes_through_as_it_is_and_is_read_for_the_record(workspace: Workspace) -> None:
    with (
        ScriptedModelServer([Answer(text="Hush.", gzip=True)]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1") as client,
    ):
        raw = client.chat.completions.with_raw_response.create(model="m", messages=ASK)
        assert raw.headers["content-encoding"] == "gzip"
        assert raw.parse().choices[0].message.content == "Hush."
        stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in stream) == "Hush."
    assert [step.response["content"] for step in chats(workspace)] == ["Hush.", "Hush."]


def test_other_paths_pass_through_uncaptured_and_health_counts(
    workspace: Workspace, until: Callable[[Callable[[], object]], None]
) -> None:
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1") as client,
    ):
        assert [model.id for model in client.models.list()] == ["scripted-1"]
        client.chat.completions.create(model="m", messages=ASK)
        until(lambda: _health(proxy.url)["stored"])
        health = _health(proxy.url)
    assert health == {
        "ok": True,
        "seen": 1,
        "stored": 1,
        "dropped": 0,
        "in_flight": 0,
        "uncaptured": 1,
        "last_error": None,
    }


def test_a_storage_failure_does_not_fail_the_call_and_shows_in_health(
    workspace: Workspace, until: Callable[[Callable[[], object]], None]
) -> None:
    workspace.runs.rmdir()
    workspace.runs.write_text("a file where the sessions belong")
    with (
        ScriptedModelServer(["a"]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        openai.OpenAI(api_key="k", base_url=f"{proxy.url}/v1", max_retries=0) as client,
    ):
        answer = client.chat.completions.create(model="m", messages=ASK)
        until(lambda: _health(proxy.url)["dropped"])
        health = _health(proxy.url)
        workspace.runs.unlink()
        workspace.runs.mkdir()
        client.chat.completions.create(model="m", messages=ASK)
        until(lambda: _health(proxy.url)["stored"])
    assert answer.choices[0].message.content == "a"
    assert (health["ok"], health["seen"], health["dropped"]) == (False, 1, 1)
    assert health["last_error"]


def test_a_body_that_is_not_understood_is_passed_on_and_counted(
    workspace: Workspace, until: Callable[[Callable[[], object]], None]
) -> None:
    with ScriptedModelServer(["a"]) as server, ProxyServer(workspace, upstream=server.url) as proxy:
        with pytest.raises(urllib.error.HTTPError, match="400") as refused:
            urllib.request.urlopen(f"{proxy.url}/v1/chat/completions", b"\xff\x00 not json")
        refused.value.close()
        until(lambda: proxy.sink.dropped == 1)
    assert server.requests[0].body == b"\xff\x00 not json"


def _health(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/healthz") as answer:
        found: dict[str, Any] = json.load(answer)
    return found
