"""The scripted model server, seen through the official clients."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from understudy.errors import UsageError
from understudy.players.backends.scripted import Answer, ScriptedModelServer

ASK: Any = [
    {"role": "system", "content": "You run the tavern."},
    {"role": "user", "content": "Ale!"},
]
SAYS = "The keeper slides a mug — “two copper” — over."
POUR = Answer(text=SAYS, tool_calls=[("pour", {"drink": "ale", "cups": 2}), ("wait", {})])


_opened: list[openai.OpenAI | anthropic.Anthropic] = []


@pytest.fixture(autouse=True)
def close_clients() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def openai_client(server: ScriptedModelServer) -> openai.OpenAI:
    client = openai.OpenAI(api_key="k", base_url=server.openai_url, max_retries=0)
    _opened.append(client)
    return client


def anthropic_client(server: ScriptedModelServer) -> anthropic.Anthropic:
    client = anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=0)
    _opened.append(client)
    return client


def test_chat_completions_answer_in_order_and_start_again() -> None:
    with ScriptedModelServer(["one", "two"]) as server:
        client = openai_client(server)
        said = [
            client.chat.completions.create(model="m", messages=ASK).choices[0].message.content
            for _ in range(3)
        ]
    assert said == ["one", "two", "one"]
    assert server.requests[0].headers["authorization"] == "Bearer k"


def test_chat_completions_stream_adds_up_to_the_whole_answer() -> None:
    with ScriptedModelServer([POUR]) as server:
        client = openai_client(server)
        whole = client.chat.completions.create(model="m", messages=ASK)
        with client.chat.completions.stream(
            model="m", messages=ASK, stream_options={"include_usage": True}
        ) as stream:
            final = stream.get_final_completion()
    assert whole.choices[0].message.content == final.choices[0].message.content == SAYS
    assert [c.function.arguments for c in final.choices[0].message.tool_calls or []] == [
        '{"drink": "ale", "cups": 2}',
        "{}",
    ]
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.usage == whole.usage
    assert final.usage is not None
    assert final.usage.prompt_tokens == 5


def test_several_choices_take_several_answers_streamed_or_not() -> None:
    with ScriptedModelServer(["a", "b"]) as server:
        client = openai_client(server)
        whole = client.chat.completions.create(model="m", messages=ASK, n=2)
        said = ["", ""]
        for chunk in client.chat.completions.create(model="m", messages=ASK, n=2, stream=True):
            for choice in chunk.choices:
                said[choice.index] += choice.delta.content or ""
    assert [c.message.content for c in whole.choices] == said == ["a", "b"]


@pytest.mark.slow
def test_responses_stream_adds_up_to_the_whole_answer() -> None:
    with ScriptedModelServer([POUR]) as server:
        client = openai_client(server)
        whole = client.responses.create(model="m", instructions="Tavern.", input="Ale!")
        with client.responses.stream(model="m", input="Ale!") as stream:
            final = stream.get_final_response()
    assert whole.output_text == final.output_text == SAYS
    assert [item.type for item in final.output] == ["message", "function_call", "function_call"]
    assert final.usage is not None
    assert final.usage.output_tokens > 0


def test_anthropic_stream_adds_up_to_the_whole_answer() -> None:
    with ScriptedModelServer([POUR]) as server:
        client = anthropic_client(server)
        asked: Any = {"model": "m", "max_tokens": 9, "system": "Tavern.", "messages": ASK[1:]}
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
    assert [b.type for b in whole.content] == ["text", "tool_use", "tool_use"]
    keys = ("type", "text", "name", "input")  # the ids differ: they count calls
    assert [[b.to_dict().get(key) for key in keys] for b in whole.content] == [
        [b.to_dict().get(key) for key in keys] for b in final.content
    ]
    assert (final.stop_reason, final.usage.output_tokens) == ("tool_use", whole.usage.output_tokens)


def test_a_function_as_script_sees_the_messages() -> None:
    def script(messages: list[dict[str, Any]]) -> str:
        return " | ".join(f"{m['role']}: {m['content']}" for m in messages)

    with ScriptedModelServer(script) as server:
        chat = openai_client(server).chat.completions.create(model="m", messages=ASK)
        reply = anthropic_client(server).messages.create(
            model="m", max_tokens=9, system="You run the tavern.", messages=ASK[1:]
        )
    expected = "system: You run the tavern. | user: Ale!"
    assert chat.choices[0].message.content == expected
    assert reply.content[0].to_dict()["text"] == expected


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_error_on_request_reaches_both_clients_as_their_exception(status: int) -> None:
    with ScriptedModelServer([Answer(status=status, text="No ale left.")]) as server:
        with pytest.raises(openai.APIStatusError, match="No ale left") as first:
            openai_client(server).chat.completions.create(model="m", messages=ASK)
        with pytest.raises(anthropic.APIStatusError, match="No ale left") as second:
            anthropic_client(server).messages.create(model="m", max_tokens=9, messages=ASK[1:])
    assert first.value.status_code == second.value.status_code == status


def test_breaking_off_leaves_the_client_with_a_connection_error() -> None:
    with ScriptedModelServer([Answer(text="a b c", break_after=2)]) as server:
        client = openai_client(server)
        with pytest.raises(openai.APIConnectionError):
            client.chat.completions.create(model="m", messages=ASK)
        stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
        got: list[object] = []
        with pytest.raises(openai.APIConnectionError):
            got.extend(stream)
        assert len(got) == 2


def test_gzip_on_request_is_undone_by_the_client() -> None:
    with ScriptedModelServer([Answer(text=SAYS, gzip=True)]) as server:
        client = openai_client(server)
        whole = client.chat.completions.create(model="m", messages=ASK)
        parts = client.chat.completions.create(model="m", messages=ASK, stream=True)
        said = "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
    assert whole.choices[0].message.content == said == SAYS


def test_a_caller_that_hangs_up_is_counted() -> None:
    with ScriptedModelServer([Answer(text="a b c d e f g h", delay_s=0.05)]) as server:
        client = openai_client(server)
        stream = client.chat.completions.create(model="m", messages=ASK, stream=True)
        next(iter(stream))
        stream.close()
        deadline = time.monotonic() + 5
        while not server.hung_up and time.monotonic() < deadline:
            time.sleep(0.01)
    assert server.hung_up == 1


@pytest.mark.slow
def test_a_huge_answer_arrives_whole() -> None:
    text = "ale " * 2_000_000
    with ScriptedModelServer([Answer(text=text, chunk_chars=1_000_000)]) as server:
        whole = openai_client(server).chat.completions.create(model="m", messages=ASK)
    assert whole.choices[0].message.content == text


def test_equal_scripts_give_equal_bytes() -> None:
    def play() -> bytes:
        with ScriptedModelServer([POUR]) as server:
            body = json.dumps({"model": "m", "messages": ASK, "stream": True}).encode()
            with urllib.request.urlopen(f"{server.openai_url}/chat/completions", body) as answer:
                return bytes(answer.read())

    assert play() == play()


def test_nonsense_gets_an_error_and_not_a_hang() -> None:
    with ScriptedModelServer(["x"]) as server:
        for body in (b"{", b"[]", b"\xff"):
            with pytest.raises(urllib.error.HTTPError, match="400") as refused:
                urllib.request.urlopen(f"{server.openai_url}/chat/completions", body)
            refused.value.close()
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(f"{server.url}/nowhere")
        refused.value.close()
        assert [m.id for m in openai_client(server).models.list()] == ["scripted-1"]


def test_an_empty_script_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        ScriptedModelServer([])
