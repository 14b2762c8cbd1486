"""The proxy as a program: a process of its own that seals its sessions when it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import openai
import pytest

from understudy.players.backends.scripted import ScriptedModelServer
from understudy.session.workspace import Workspace

PROGRAM = """
import sys
from understudy.capture.proxy import serve_proxy
from understudy.session.workspace import Workspace
with Workspace(sys.argv[1]) as workspace:
    serve_proxy(
        workspace, upstream=sys.argv[2], port=0, ready=lambda url: print(url, flush=True)
    )
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_proxy_with_everything_sealed(
    tmp_path: Path, number: signal.Signals
) -> None:
    with (
        ScriptedModelServer(["Welcome."]) as server,
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "ws"), server.url],
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0) as client:
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "Good evening!"}]
            )
        process.send_signal(number)
        assert process.wait(20) == 0
    with Workspace(tmp_path / "ws") as workspace:
        (session,) = workspace.sessions()
        assert session.status == "sealed"
        assert len(list(session.trace())) == 1
