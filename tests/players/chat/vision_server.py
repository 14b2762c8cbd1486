"""A small OpenAI-compatible model server that answers from the picture alone, or misbehaves."""

from __future__ import annotations

import base64
import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.players.chat.pocket_eyes import decide

GOAL = "What is asked of you: "
"""How the packaged prompts begin the goal."""

Eyes = Callable[[bytes, str], dict[str, Any]]


@dataclass
class Instead:
    """What the server does instead of answering one request as it should."""

    text: str | None = None
    """The model's words; the rest of the answer is as always."""
    body: Any = None
    """The whole body: bytes as they are, else as JSON."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    hang: bool = False
    """Says nothing until the server ends."""
    drop: bool = False
    """Closes the connection without a word."""
    finish_reason: str = "stop"
    usage: bool = True


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All words of all messages."""
        return "\n".join(
            part["text"]
            for message in self.body["messages"]
            for part in as_parts(message["content"])
            if part["type"] == "text"
        )

    @property
    def pictures(self) -> list[bytes]:
        """The pictures, decoded from their data URLs."""
        urls = [
            part["image_url"]["url"]
            for message in self.body["messages"]
            for part in as_parts(message["content"])
            if part["type"] == "image_url"
        ]
        head = "data:image/png;base64,"
        assert all(url.startswith(head) for url in urls)
        return [base64.b64decode(url.removeprefix(head), validate=True) for url in urls]

    @property
    def goal(self) -> str:
        return next(
            (line.removeprefix(GOAL) for line in self.text.splitlines() if line.startswith(GOAL)),
            "",
        )


def as_parts(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class VisionServer:
    """Serves from entering to leaving the context."""

    def __init__(self, eyes: Eyes = decide) -> None:
        self.eyes = eyes
        self.requests: list[Request] = []
        self.refused_formats: set[str] = set()
        """Kinds of ``response_format`` that are answered with status 400."""
        self.only_completion_tokens = False
        """Refuses ``max_tokens``, as some models do."""
        self._instead: deque[Instead] = deque()
        self.ending = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def instead(self, *answers: Instead) -> None:
        """The next requests are answered like this, one each."""
        self._instead.extend(answers)

    def __enter__(self) -> VisionServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: Request) -> Instead:
        with self._lock:
            self.requests.append(request)
            if self._instead:
                given = self._instead.popleft()
                if given.text is None:
                    return given
                given.body = self._completion(request, given.text, given)
                return given
        asked = request.body.get("response_format", {}).get("type")
        if asked in self.refused_formats:
            return _refusal(f"response_format {asked} is not supported")
        if self.only_completion_tokens and "max_tokens" in request.body:
            return _refusal("'max_tokens' is not supported; use 'max_completion_tokens' instead")
        said = json.dumps(self.eyes(*request.pictures, request.goal))
        return Instead(body=self._completion(request, said, Instead()))

    def _completion(self, request: Request, text: str, given: Instead) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        answer: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": request.body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": given.finish_reason}],
        }
        if given.usage:
            sent = len(request.text) // 4 + 85 * len(request.pictures)
            usage = {"prompt_tokens": sent, "completion_tokens": len(text) // 4 + 1}
            answer["usage"] = usage | {"total_tokens": sum(usage.values())}
        return answer

    def _handler(server: VisionServer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.path == "/v1/chat/completions", self.path
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = server._answer(Request(headers, json.loads(body)))
                if answer.hang:
                    server.ending.wait()
                if answer.hang or answer.drop:
                    self.close_connection = True
                    return
                data = answer.body
                if not isinstance(data, bytes):
                    data = json.dumps(data).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_args: object) -> None:
                pass

        return Handler


def failure(status: int, message: str, **headers: str) -> Instead:
    """An error as OpenAI writes them; ``Retry_After`` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"error": {"message": message, "type": "error", "code": None}}
    return Instead(status=status, body=body, headers=named)


def _refusal(message: str) -> Instead:
    return failure(400, message)
