"""The proxy's side towards a client: requests in, one after another, and answers out."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import httptools

from understudy.capture.proxy.answers import error_answer, whole_response
from understudy.capture.proxy.gate import logger
from understudy.capture.proxy.heads import Headers, value_of
from understudy.capture.proxy.passage import Passage
from understudy.capture.proxy.routes import route
from understudy.capture.proxy.upstream_address import BadTargetError, origin_form
from understudy.chat.dialects import dialect_for

if TYPE_CHECKING:
    from understudy.capture.proxy.gate import Gate
    from understudy.chat.dialects.dialect import Dialect

LONGEST_HEAD = 64 * 1024
IDLE_S = 120.0
"""Seconds a connection may stay silent between requests, or in the middle of one."""
LINGER_S = 5.0
"""Seconds to go on reading after a refusal, so that the client gets to see it."""


@dataclass(slots=True)
class _Request:
    method: bytes = b""
    target: bytes = b""
    headers: Headers = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    head_size: int = 0
    body_size: int = 0
    http10: bool = False
    keep: bool = True


class ClientConnection(asyncio.Protocol):
    """One client's connection; answers its requests in the order in which they came."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._coming = _Request()
        self._queue: deque[_Request] = deque()
        self._passage: Passage | None = None
        self._refusal: tuple[int, str] | None = None
        self._deaf = False
        self._full = False
        self._touched = self._loop.time()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._gate.clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._gate.clients.discard(self)
        self._queue.clear()
        passage, self._passage = self._passage, None
        if passage is not None:
            passage.client_gone()

    def data_received(self, data: bytes) -> None:
        self._touched = self._loop.time()
        while data and not self._deaf:
            rest = b""
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                rest = self._head_without_offer() + data[upgrade.args[0] :]
                self._parser = httptools.HttpRequestParser(self)
            except httptools.HttpParserError as error:
                self._refusal = self._refusal or (
                    400,
                    f"This is not a valid HTTP request: {error}.",
                )
            data = rest
            if self._refusal is not None:
                self._deaf = True
        self._next()
        if self._queue and self._transport is not None:
            self._transport.pause_reading()  # whoever sends ahead waits

    def pause_writing(self) -> None:
        self._full = True
        if self._passage is not None:
            self._passage.pause(paused=True)

    def resume_writing(self) -> None:
        self._full = False
        if self._passage is not None:
            self._passage.pause(paused=False)

    # What the parser calls

    def on_message_begin(self) -> None:
        self._coming = _Request()

    def on_url(self, url: bytes) -> None:
        self._coming.target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._coming.headers.append((name.lower(), value))
        self._count_head(len(name) + len(value))

    def on_headers_complete(self) -> None:
        coming = self._coming
        coming.method = self._parser.get_method()
        coming.http10 = self._parser.get_http_version() == "1.0"
        headers = coming.headers
        lengths = [value for name, value in headers if name == b"content-length"]
        codings = [value for name, value in headers if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or (
            codings and codings[0].strip().lower() != b"chunked"
        ):
            self._refuse(400, "The request tells the length of its body in more than one way.")
        if coming.method == b"CONNECT":
            self._refuse(400, "The proxy leads to one server only; CONNECT is not offered.")
        if lengths and int(lengths[0]) > self._gate.max_body_bytes:
            self._refuse_size()
        if (value_of(headers, b"upgrade") or b"").lower() == b"websocket":
            self._refuse(501, "The proxy does not carry WebSockets; call the server's HTTP API.")
        expected = value_of(headers, b"expect")
        if expected is not None and expected.lower() == b"100-continue" and self._passage is None:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, chunk: bytes) -> None:
        coming = self._coming
        coming.body_size += len(chunk)
        if coming.body_size > self._gate.max_body_bytes:
            self._refuse_size()
        coming.body.append(chunk)

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # comes again, see _head_without_offer
        coming = self._coming
        coming.keep = self._parser.should_keep_alive()
        self._queue.append(coming)

    # What a passage calls

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def done(self, *, keep: bool) -> None:
        """The answer under way is over."""
        self._passage = None
        self._touched = self._loop.time()
        if not keep:
            self._deaf = True
            self._queue.clear()
            if self._transport is not None:
                self._transport.close()
        elif self._queue or self._refusal is not None:
            self._loop.call_soon(self._next)

    # What the gate calls

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def check_time(self, now: float) -> None:
        if self._passage is None and now - self._touched > IDLE_S:
            self.hang_up()

    # Behind it

    def _next(self) -> None:
        """Begin with the next request, when the one before has been answered."""
        while self._passage is None and self._queue and self._transport is not None:
            request = self._queue.popleft()
            if not self._queue:
                self._transport.resume_reading()
            try:
                self._begin(request)
            except Exception:
                logger.exception("a request could not be handled")
                self._answer_error(request, None, 500, "The proxy failed on this request.")
        if self._passage is None and not self._queue and self._refusal is not None:
            self._send_refusal(*self._refusal)
            self._refusal = None

    def _begin(self, request: _Request) -> None:
        gate = self._gate
        try:
            target = origin_form(request.target)
        except BadTargetError as error:
            self._answer_error(request, None, 400, str(error))
            return
        way = route(target, request.headers, gate.token)
        method = request.method.decode("latin-1")
        path = way.path.split(b"?", 1)[0].decode("latin-1")
        if path == "/healthz":
            self._answer(request, 200, gate.health(admitted=way.admitted))
            return
        dialect: Dialect | None = dialect_for(method, path)
        if not way.admitted:
            name = dialect.name if dialect is not None else None
            sentence = (
                "This proxy asks for its token, in the header X-Understudy-Token or as the "
                "beginning /token/TOKEN/ of the path."
            )
            self._answer_error(request, name, 401, sentence)
            return
        if dialect is None:
            gate.uncaptured += 1
        self._passage = Passage(
            gate,
            self,
            method=request.method,
            target=gate.pool.address.target(way.path),
            headers=request.headers,
            body=b"".join(request.body),
            dialect=dialect,
            session_name=way.session_name,
            http10=request.http10,
            keep=request.keep,
        )
        if self._full:
            self._passage.pause(paused=True)

    def _head_without_offer(self) -> bytes:
        """The head that just came, to be read again as if it offered no other protocol.

        A proxy need not follow such an offer, but the parser stops at it, before the body.
        """
        coming = self._coming
        left_out = (b"connection", b"upgrade", b"http2-settings", b"expect")
        lines = [b"%b: %b" % pair for pair in coming.headers if pair[0] not in left_out]
        return b"\r\n".join([b"%b %b HTTP/1.1" % (coming.method, coming.target), *lines, b"", b""])

    def _answer(self, request: _Request, status: int, body: bytes) -> None:
        head_only = request.method == b"HEAD"
        self.send(whole_response(status, body, keep=request.keep, head_only=head_only))
        self.done(keep=request.keep)

    def _answer_error(
        self, request: _Request, dialect: str | None, status: int, sentence: str
    ) -> None:
        self._answer(request, status, error_answer(dialect, status, sentence))

    def _refuse_size(self) -> None:
        limit = self._gate.max_body_bytes / (1024 * 1024)
        self._refuse(
            413,
            f"The request body is larger than the proxy's limit of {limit:g} MB; raise "
            "max_body_mb in the section [proxy] of understudy.toml.",
        )

    def _refuse(self, status: int, sentence: str) -> None:
        """Stop reading requests: raised inside the parser, answered when it is this one's turn."""
        self._refusal = (status, sentence)
        raise ValueError(sentence)

    def _count_head(self, size: int) -> None:
        self._coming.head_size += size
        if self._coming.head_size > LONGEST_HEAD:
            self._refuse(431, f"The head of the request is longer than {LONGEST_HEAD} bytes.")

    def _send_refusal(self, status: int, sentence: str) -> None:
        path = self._coming.target.split(b"?", 1)[0].decode("latin-1")
        dialect = dialect_for(self._coming.method.decode("latin-1") or "POST", path)
        body = error_answer(dialect.name if dialect is not None else None, status, sentence)
        self.send(whole_response(status, body, keep=False))
        self._deaf = True
        if self._transport is not None:
            if self._transport.can_write_eof():
                self._transport.write_eof()
            self._loop.call_later(LINGER_S, self.hang_up)
