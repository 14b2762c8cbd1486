"""A small model server that answers from a script, for demonstrations and tests.

It speaks real HTTP on the loopback interface in a thread of its own, in the three dialects that
Understudy captures, so that the official clients work against it without a network or a model.
The same script gives the same bytes every time. It can also misbehave on request: see ``Answer``.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from aiohttp import web

from understudy._util.loop_thread import LoopThread
from understudy.errors import UsageError
from understudy.players.backends.scripted_answer import Answer, Choice
from understudy.players.backends.scripted_wire import WIRES, Call, Wire, error_body

__all__ = ["Answer", "ReceivedRequest", "Script", "ScriptedModelServer"]

Messages = list[dict[str, Any]]
Script = Sequence["Answer | str"] | Callable[[Messages], "Answer | str"]
"""A list is played in order and then from its beginning again; a function gets the messages of the
request as ``{"role", "content"}`` (content as text) and returns the answer."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it arrived, so that a test can see what a client or a proxy really sent."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class ScriptedModelServer:
    """Answers model calls from ``script``; a context manager that serves from entering to leaving.

    Understands ``…/chat/completions``, ``…/responses``, ``…/messages`` and ``…/models`` under any
    prefix; ``n`` choices of one call take ``n`` answers of the script.
    """

    def __init__(
        self, script: Script = ("Welcome.",), *, model: str = "scripted-1", port: int = 0
    ) -> None:
        if not callable(script) and not script:
            raise UsageError("The script of a scripted model server is empty; give it an answer.")
        self._script = script
        self._model = model
        self._port = port
        self._lock = threading.Lock()
        self._calls = 0
        self._answers = 0
        self._thread: LoopThread | None = None
        self._runner: web.ServerRunner | None = None
        self.url = ""
        """``http://127.0.0.1:PORT`` while serving (the base URL of an Anthropic client)."""
        self.requests: list[ReceivedRequest] = []
        self.hung_up = 0
        """How many callers went away before their answer was complete."""

    @property
    def openai_url(self) -> str:
        """The base URL of an OpenAI client: ``url`` with ``/v1``."""
        return f"{self.url}/v1"

    def __enter__(self) -> ScriptedModelServer:
        self._thread = LoopThread("scripted-model-server")
        try:
            self._thread.call(self._start())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._thread is not None:
            self._thread.call(self._close())
            self._thread.stop()
            self._thread = None

    async def _start(self) -> None:
        server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await _read_all(request.content.iter_any())
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(ReceivedRequest(request.method, request.path, headers, body))
        if request.method == "GET" and request.path.endswith("/models"):
            return web.json_response({"object": "list", "data": [self._model_card()]})
        wire = next((wire for end, wire in WIRES.items() if request.path.endswith(end)), None)
        if wire is None or request.method != "POST":
            return web.json_response(
                error_body("openai", 404, f"There is no {request.method} {request.path} here."),
                status=404,
            )
        try:
            call = wire.read(json.loads(body), self._model)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            message = f"The request body cannot be understood: {error}"
            return web.json_response(error_body(wire.name, 400, message), status=400)
        try:
            return await self._answer(request, wire, call)
        except (asyncio.CancelledError, ConnectionResetError):
            self.hung_up += 1
            raise

    async def _answer(self, request: web.BaseRequest, wire: Wire, call: Call) -> web.StreamResponse:
        answers = [self._next_answer(call.messages) for _ in range(call.n)]
        first = answers[0]
        with self._lock:
            self._calls += 1
            number = self._calls
        if first.status >= 400:
            await asyncio.sleep(first.delay_s)
            text = first.text or "The script asked for this error."
            return web.json_response(
                error_body(wire.name, first.status, text),
                status=first.status,
                headers=dict(first.headers),
            )
        choices = [Choice.of(answer, number, place) for place, answer in enumerate(answers)]
        if call.stream:
            chunks: Iterable[bytes] = wire.events(call, number, choices)
            content_type = "text/event-stream; charset=utf-8"
        else:
            whole = json.dumps(wire.body(call, number, choices), ensure_ascii=False).encode()
            half = len(whole) // 2
            chunks = (whole,) if first.break_after is None else (whole[:half], whole[half:])
            content_type = "application/json"
        response = web.StreamResponse(status=first.status, headers=dict(first.headers))
        response.headers["Content-Type"] = content_type
        if first.gzip:
            response.headers["Content-Encoding"] = "gzip"
            chunks = _gzipped(chunks)
        elif not call.stream and first.break_after is None:
            response.content_length = len(whole)
        await self._send(request, response, chunks, first)
        return response

    async def _send(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        chunks: Iterable[bytes],
        answer: Answer,
    ) -> None:
        await response.prepare(request)
        for chunk in islice(chunks, answer.break_after):
            if answer.delay_s:
                await asyncio.sleep(answer.delay_s)
            await response.write(chunk)
        if answer.break_after is None:
            await response.write_eof()
        elif request.transport is not None:
            request.transport.close()

    def _next_answer(self, messages: Messages) -> Answer:
        if callable(self._script):
            answer = self._script(messages)
        else:
            with self._lock:
                answer = self._script[self._answers % len(self._script)]
                self._answers += 1
        return Answer(text=answer) if isinstance(answer, str) else answer

    def _model_card(self) -> dict[str, Any]:
        return {"id": self._model, "object": "model", "created": 0, "owned_by": "understudy"}


async def _read_all(chunks: AsyncIterator[bytes]) -> bytes:
    # Not ``request.read()``: that one stops at aiohttp's limit for the size of a body.
    return b"".join([chunk async for chunk in chunks])


def _gzipped(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """Each chunk compressed and flushed by itself, so that a stream stays a stream."""
    packer = zlib.compressobj(wbits=31)
    for chunk in chunks:
        yield packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
