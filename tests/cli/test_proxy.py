"""The proxy as a command: what it prints, that it captures, and that it ends well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import openai
import pytest

import understudy
from understudy.cli.main import main
from understudy.players.backends.scripted import ScriptedModelServer

COMMAND = [
    sys.executable,
    "-c",
    "import sys; from understudy.cli.main import main; sys.exit(main())",
]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_a_call_through_the_command_is_in_a_sealed_session_after_ctrl_c(tmp_path):
    workspace = tmp_path / "workspace"
    with ScriptedModelServer(["Well met."]) as server:
        arguments = ["proxy", "--upstream", server.url, "--port", "0", "-w", str(workspace)]
        with subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            address = process.stdout.readline().split()[2].rstrip(",")
            client = openai.OpenAI(base_url=f"{address}/session/evening/v1", api_key="sk-not-kept")
            with client:
                answer = client.chat.completions.create(
                    model="scripted-1", messages=[{"role": "user", "content": "Hello?"}]
                )
            process.send_signal(signal.SIGINT)
            _, complaints = process.communicate(timeout=30)
    assert answer.choices[0].message.content == "Well met."
    assert process.returncode == 0, complaints
    with understudy.Workspace(workspace) as opened:
        [session] = opened.sessions()
        [chat] = session.trace()
        assert session.sealed
        assert session.metadata.name == "evening"
        assert chat.response["content"] == "Well met."


def test_an_open_address_without_a_token_is_wrong_usage(tmp_path, capsys):
    status = main(
        [
            "proxy",
            "--upstream",
            "http://127.0.0.1:1",
            "--host",
            "0.0.0.0",
            "-w",
            str(tmp_path / "w"),
        ]
    )
    assert status == 2
    assert "token" in capsys.readouterr().err


def test_an_upstream_that_is_no_url_is_wrong_usage(tmp_path, capsys):
    assert main(["proxy", "--upstream", "api.openai.com", "-w", str(tmp_path / "w")]) == 2
    assert "https://" in capsys.readouterr().err
