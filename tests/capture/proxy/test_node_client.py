"""A game in another language: Node's official client through the proxy."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import filelock
import pytest

from understudy.capture.proxy import ProxyServer
from understudy.players.backends.scripted import Answer, ScriptedModelServer
from understudy.session.steps import ChatStep
from understudy.session.workspace import Workspace

NODE = Path(__file__).parents[2] / "node"
POUR = Answer(text="Here — “two copper”.", tool_calls=[("pour", {"cups": 2})])


@pytest.fixture(scope="module")
def node() -> str:
    """Node with the client beside it; installed on first use."""
    found, npm = shutil.which("node"), shutil.which("npm")
    if found is None or npm is None:
        pytest.skip("npm is missing here, so Node's openai client cannot be installed")
    with filelock.FileLock(NODE / ".install.lock"):
        if not (NODE / "node_modules" / "openai" / "package.json").exists():
            subprocess.run(
                [npm, "ci", "--silent", "--no-audit", "--no-fund"],
                cwd=NODE,
                check=True,
                timeout=300,
            )
    return found


@pytest.mark.slow
def test_every_call_of_a_game_in_node_is_captured(workspace: Workspace, node: str) -> None:
    with (
        ScriptedModelServer([POUR]) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
    ):
        played = subprocess.run(
            [node, str(NODE / "talk.mjs"), f"{proxy.url}/session/from-node/v1"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert played.returncode == 0, played.stderr
    heard = json.loads(played.stdout)
    assert heard["whole"] == heard["streamed"] == heard["response"] == POUR.text
    assert heard["tool"] == {"name": "pour", "arguments": '{"cups": 2}'}
    assert heard["calls"] == 1
    (session,) = workspace.sessions()
    assert session.header.name == "from-node"
    chats = [step for step in session.trace() if isinstance(step, ChatStep)]
    assert [chat.status for chat in chats] == ["complete"] * 3
    assert [chat.response["content"] for chat in chats if chat.response] == [POUR.text] * 3
    assert b"sk-node" not in (session.path / "trace.jsonl").read_bytes()
