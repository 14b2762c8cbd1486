"""A stranger's package, installed for real, is found and used like our own parts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "plugin_package"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the plug-in beside Understudy; returns a function that runs Python code there."""
    source = tmp_path_factory.mktemp("source") / "package"
    shutil.copytree(PACKAGE, source)
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    built = subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--target", target, source],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    environment = os.environ | {"PYTHONPATH": str(target)}

    def run(code: str, *arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_plugin_is_listed_beside_the_built_in_parts(installed):
    shown = installed(
        "from understudy import plugins; import json; "
        "print(json.dumps([plugins.names(plugins.DIALECTS), plugins.names(plugins.EXPORTS)]))"
    )
    found_dialects, found_exports = json.loads(shown)
    assert {"ollama-chat", "openai-chat"} <= set(found_dialects)
    assert {"script", "openai"} <= set(found_exports)


PROXY = """
import json, sys, threading, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from understudy import Workspace
from understudy.capture.proxy import ProxyServer

LINES = [
    {"message": {"role": "assistant", "content": "Well "}, "done": False},
    {"message": {"role": "assistant", "content": "met."}, "done": False},
    {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop",
     "prompt_eval_count": 7, "eval_count": 2},
]

class Ollama(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b"".join(json.dumps(line).encode() + b"\\n" for line in LINES)
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Ollama)
threading.Thread(target=server.serve_forever, daemon=True).start()
upstream = f"http://127.0.0.1:{server.server_port}"
with Workspace(sys.argv[1]) as workspace:
    with ProxyServer(workspace, upstream=upstream) as proxy:
        asked = {"model": "tiny", "messages": [{"role": "user", "content": "Hello?"}]}
        request = urllib.request.Request(f"{proxy.url}/api/chat", json.dumps(asked).encode())
        urllib.request.urlopen(request).read()
    [session] = workspace.sessions()
    [chat] = session.trace()
server.shutdown()
print(json.dumps([chat.status, chat.response, chat.call["dialect"], chat.call["usage"]]))
"""

EXPORT = """
import sys
from understudy.cli.main import main
_, workspace, output = sys.argv
arguments = ["--format", "script", "--output", output, "--workspace", workspace]
sys.exit(main(["dataset", "export", *arguments]))
"""


def test_a_call_in_the_plugins_dialect_is_captured_and_exported_in_its_format(installed, tmp_path):
    shown = installed(PROXY, tmp_path / "workspace")
    status, response, dialect, usage = json.loads(shown)
    assert (status, dialect) == ("complete", "ollama-chat")
    assert response == {"role": "assistant", "content": "Well met."}
    assert usage == {"input_tokens": 7, "output_tokens": 2}

    script = tmp_path / "evening.md"
    installed(EXPORT, tmp_path / "workspace", script)
    assert script.read_text(encoding="utf-8") == (
        "## Scene 1\n\nUSER: Hello?\n\nASSISTANT: Well met.\n\n"
    )
