"""A secret that a stream cuts into pieces reaches the game as it is, and the disk not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from understudy.capture.client import capture_client
from understudy.capture.proxy import ProxyServer
from understudy.players.backends.scripted import Answer, ScriptedModelServer
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

KEY = "sk-proj-" + "Ab3dEf6hIj9kLm2nOp5q" * 2
ADDRESS = "innkeeper@tavern.example.org"
SECRETS = (KEY, ADDRESS)
SAID = f"My key is {KEY}, write to {ADDRESS}."
TOOL = ("send", {"to": ADDRESS, "auth": KEY})
ASK: Any = [{"role": "user", "content": "How do I reach you?"}]


def chat_completions(base_url: str, wrap: Callable[[Any], Any]) -> tuple[str, str]:
    with wrap(openai.OpenAI(api_key="k", base_url=f"{base_url}/v1", max_retries=0)) as client:
        said = arguments = ""
        for chunk in client.chat.completions.create(model="m", messages=ASK, stream=True):
            for choice in chunk.choices:
                said += choice.delta.content or ""
                for call in choice.delta.tool_calls or []:
                    arguments += call.function.arguments or ""
        return said, arguments


def responses(base_url: str, wrap: Callable[[Any], Any]) -> tuple[str, str]:
    with wrap(openai.OpenAI(api_key="k", base_url=f"{base_url}/v1", max_retries=0)) as client:
        said = arguments = ""
        for event in client.responses.create(model="m", input=ASK, stream=True):
            if event.type == "response.output_text.delta":
                said += event.delta
            elif event.type == "response.function_call_arguments.delta":
                arguments += event.delta
        return said, arguments


def anthropic_messages(base_url: str, wrap: Callable[[Any], Any]) -> tuple[str, str]:
    with wrap(anthropic.Anthropic(api_key="k", base_url=base_url, max_retries=0)) as client:
        said = arguments = ""
        asked: Any = {"model": "m", "max_tokens": 99, "messages": ASK, "stream": True}
        for event in client.messages.create(**asked):
            if event.type == "content_block_delta":
                said += getattr(event.delta, "text", "")
                arguments += getattr(event.delta, "partial_json", "")
        return said, arguments


@pytest.mark.slow
@pytest.mark.parametrize("play", [chat_completions, responses, anthropic_messages])
@pytest.mark.parametrize("way", ["proxy", "wrapped client"])
def test_a_secret_split_over_chunks_is_masked_and_the_game_gets_every_byte(
    tmp_path: Path, way: str, play: Callable[..., tuple[str, str]]
) -> None:
    # Given a model that says secrets, three letters at a time
    answer = Answer(text=SAID, tool_calls=[TOOL], chunk_chars=3)
    with Workspace(tmp_path / "ws") as workspace, ScriptedModelServer([answer]) as server:
        # When a game calls it
        if way == "proxy":
            with ProxyServer(workspace, upstream=server.url) as proxy:
                said, arguments = play(proxy.url, lambda client: client)
        else:
            said, arguments = play(
                server.url, lambda client: capture_client(client, workspace=workspace)
            )
        # Then the game got what was said
        assert said == SAID
        assert json.loads(arguments) == TOOL[1]
        # And what lies in the workspace says of what kind the secrets were, and nothing more
        [step] = [
            step
            for session in workspace.sessions()
            for step in session.trace()
            if isinstance(step, ChatStep)
        ]
        assert step.status == "complete"
        assert step.response is not None
        assert step.response["content"] == "My key is [API_KEY], write to [EMAIL]."
        [call] = step.response["tool_calls"]
        masked = {"to": "[EMAIL]", "auth": "[API_KEY]"}
        assert json.loads(call["function"]["arguments"]) == masked
        assert step.call["tool_calls"][0]["parsed"] == masked
    for file in (tmp_path / "ws").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), file
