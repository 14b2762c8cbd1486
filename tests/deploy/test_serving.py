"""Serving a bundle: OpenAI's client, streams, the proxy in front of it, tokens, ending well."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import openai
import pytest
from tests.deploy.small_models import CHATS, PROMPTS

import understudy
from understudy.capture.proxy import ProxyServer
from understudy.deploy.bundle import find_bundle
from understudy.deploy.deploying import Order, deploy_version
from understudy.deploy.serve import open_server
from understudy.deploy.target import find_target
from understudy.errors import DeployError, PlayerError, UsageError
from understudy.models.registry import find_model
from understudy.players.backends.llama_cpp import LlamaCppModel

pytestmark = pytest.mark.slow
GREEDY = {"temperature": 0.0, "repeat_penalty": 1.0, "max_tokens": 64}


@pytest.fixture(scope="module")
def bundle(converted_workspace, tmp_path_factory):
    place = shutil.copytree(converted_workspace, tmp_path_factory.mktemp("serving") / "ws")
    with understudy.Workspace(place) as ws:
        order = Order(force=True, sampling=GREEDY)
        return deploy_version(ws, find_model(ws, "dm"), order, chats=CHATS).bundle


@pytest.fixture(scope="module")
def server(bundle):
    with open_server(bundle) as server:
        yield server


def ask(client, messages, **more):
    return client.chat.completions.create(model="dm", messages=messages, **more)


def test_openais_client_gets_the_answers_that_were_validated(server, bundle):
    model = LlamaCppModel(bundle.folder / "dm.gguf", context=512)
    expected = [answer.text for answer in model.answer(PROMPTS[::4])]
    model.close()
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        assert [one.id for one in client.models.list()] == ["dm"]
        said = [ask(client, prompt) for prompt in PROMPTS[::4]]
    assert [one.choices[0].message.content.strip() for one in said] == expected
    assert said[0].choices[0].finish_reason == "stop"
    assert said[0].usage.completion_tokens > 5


def test_the_bundles_sampling_holds_where_a_request_does_not_say(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        first = [ask(client, PROMPTS[0]).choices[0].message.content for _ in range(3)]
        hot = [
            ask(client, PROMPTS[0], temperature=5.0, seed=seed).choices[0].message.content
            for seed in range(3)
        ]
        short = ask(client, PROMPTS[0], max_tokens=3)
    assert len(set(first)) == 1
    assert len(set(hot)) > 1
    assert short.choices[0].finish_reason == "length"


def test_the_bundles_grammar_holds_where_a_request_brings_none(bundle, tmp_path):
    copied = shutil.copytree(bundle.folder, tmp_path / "dm")
    (copied / "tool_calls.gbnf").write_text('root ::= "Aye."')
    with (
        open_server(find_bundle(None, str(copied))) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client,
    ):
        asked = [ask(client, PROMPTS[0])]
        asked += [ask(client, PROMPTS[0], extra_body={"grammar": 'root ::= "Nay."'})]
    assert [one.choices[0].message.content for one in asked] == ["Aye.", "Nay."]
    model = find_target(bundle.target).open(copied)
    assert [answer.text for answer in model.answer(PROMPTS[:2])] == ["Aye.", "Aye."]
    model.close()


def test_an_answer_can_be_streamed(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        whole = ask(client, PROMPTS[0]).choices[0].message.content
        chunks = [
            chunk.choices[0].delta.content or ""
            for chunk in ask(client, PROMPTS[0], stream=True)
            if chunk.choices
        ]
    assert len(chunks) > 5
    assert "".join(chunks) == whole


def test_a_whole_round_of_calls_and_results_is_answered(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
        said = ask(client, CHATS[-1][:4]).choices[0].message.content
    assert "slips by" in said


def test_the_proxy_in_front_of_it_records_whole_and_streamed_answers(server, tmp_path):
    with understudy.Workspace(tmp_path / "ws") as ws:
        with ProxyServer(ws, upstream=server.url, port=0) as proxy:
            base = f"{proxy.url}/session/evening/v1"
            with openai.OpenAI(base_url=base, api_key="none") as client:
                whole = ask(client, PROMPTS[0]).choices[0].message.content
                stream = ask(client, PROMPTS[1], stream=True)
                streamed = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
        [session] = ws.sessions()
        chats = list(session.trace())
    assert [chat.response["content"] for chat in chats] == [whole, streamed]
    assert [chat.status for chat in chats] == ["complete", "complete"]


def test_who_does_not_show_the_token_is_not_answered(bundle):
    with open_server(bundle, token="a-secret") as server:
        stranger = openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0)
        with stranger, pytest.raises(openai.AuthenticationError):
            ask(stranger, PROMPTS[0])
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="a-secret") as client:
            assert ask(client, PROMPTS[0]).choices[0].message.content


def test_pages_of_other_sites_and_prompts_of_others_are_kept_out(server):
    request = urllib.request.Request(
        f"{server.url}/v1/models", headers={"Origin": "https://x.example"}
    )
    with urllib.request.urlopen(request) as reply:
        assert reply.headers["Access-Control-Allow-Origin"] != "https://x.example"
        assert reply.headers["Access-Control-Allow-Origin"] != "*"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{server.url}/slots")


def test_an_open_address_without_a_token_is_wrong_usage(bundle):
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 can be reached from other machines"):
        open_server(bundle, host="0.0.0.0")


def test_a_port_that_is_taken_is_told(bundle, server):
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(PlayerError, match=f"cannot listen on 127.0.0.1:{port}"):
        open_server(bundle, port=port)


def test_a_bundle_without_a_gguf_file_cannot_be_served(shop, version):
    order = Order(force=True, target="transformers")
    whole = deploy_version(shop, version, order, chats=CHATS).bundle
    with pytest.raises(DeployError, match="deploy the model with the target gguf-mobile"):
        open_server(whole)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for another process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_url_answers_and_ends_well(bundle, number):
    command = [sys.executable, "-m", "understudy", "serve", str(bundle.folder), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().split()[2].rstrip(",")
        with openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
            said = ask(client, PROMPTS[0]).choices[0].message.content
        process.send_signal(number)
        _, complaints = process.communicate(timeout=60)
    assert "rope" in said
    assert process.returncode == 0, complaints
    assert "Traceback" not in complaints
