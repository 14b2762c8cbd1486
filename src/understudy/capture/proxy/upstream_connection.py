"""The proxy's side towards the model server: connections, kept for the next call, and answers."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

import httptools

from understudy.capture.proxy.heads import Framing, Headers, framing_of
from understudy.capture.proxy.upstream_address import UpstreamAddress
from understudy.errors import UpstreamError

CONNECT_TIMEOUT_S = 30.0
KEEP_IDLE_S = 15.0
"""Seconds a connection waits for the next call; servers close idle ones at their own time."""
KEEP_CONNECTIONS = 64
LONGEST_HEAD = 256 * 1024


class Taker(Protocol):
    """Whoever asked: gets the answer piece by piece, and one of ``ended`` and ``broken``."""

    method: bytes

    def answered(self, status: int, reason: bytes, headers: Headers, framing: Framing) -> None: ...

    def body(self, chunk: bytes) -> None: ...

    def ended(self) -> None: ...

    def broken(self, sentence: str) -> None: ...

    def flush(self) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to the model server, carrying one call at a time."""

    def __init__(self, pool: UpstreamPool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        # What the parser calls for each chunk of a body: a stream has many, often in one go.
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._taker: Taker | None = None
        self._reason = b""
        self._headers: Headers = []
        self._framing = Framing.NONE
        self._status = 0
        self._head_size = 0
        self.idle_since = 0.0

    # What a call does with it

    def ask(self, taker: Taker, head: bytes, body: bytes) -> None:
        """Send a request; its answer goes to ``taker``."""
        self._taker = taker
        self._start_message()
        if self._transport is not None:
            self._transport.write(head + body if len(body) < 65536 else head)
            if len(body) >= 65536:
                self._transport.write(body)

    def abandon(self) -> None:
        """Give the call up: the server sees the connection close."""
        self._taker = None
        self._drop()

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    @property
    def usable(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        taker = self._taker
        if taker is None:  # an answer nobody asked for
            self._drop()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._taker is not None:
                self._break(f"The model server sent what is not HTTP: {error}.")
            else:  # bytes after the end of the answer
                self._drop()
        if self._taker is taker:
            self._pass_on(taker)
        else:  # its answer is over: what came behind it is nobody's
            self._pieces.clear()
        taker.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._pool.forget(self)
        taker, self._taker = self._taker, None
        if taker is None:
            return
        if self._status and self._framing is Framing.UNTIL_CLOSE and exc is None:
            taker.ended()
        elif self._status:
            taker.broken("The model server broke off in the middle of its answer.")
        else:
            taker.broken("The model server closed the connection without an answer.")
        taker.flush()

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._taker is None:
            self._drop()

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > LONGEST_HEAD:
            raise UpstreamError("The head of the answer is too long.")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        taker = self._taker
        status = self._parser.get_status_code()
        if taker is None or status < 200:
            return
        self._status = status
        self._framing = framing_of(taker.method, status, self._headers)
        taker.answered(status, self._reason, self._headers, self._framing)
        if taker.method == b"HEAD":  # the parser would wait for a body
            self._finish(reusable=False)

    def on_message_complete(self) -> None:
        if self._taker is None:
            return
        if self._status == 0:  # an interim answer such as 100 Continue
            self._start_message()
        else:
            self._finish(reusable=self._parser.should_keep_alive())

    # Behind it

    def _pass_on(self, taker: Taker) -> None:
        """Hand over, as one piece, what came of the body in one go."""
        pieces = self._pieces
        if pieces:
            taker.body(pieces[0] if len(pieces) == 1 else b"".join(pieces))
            pieces.clear()

    def _start_message(self) -> None:
        self._pieces.clear()
        self._reason = b""
        self._headers = []
        self._status = 0
        self._head_size = 0

    def _finish(self, *, reusable: bool) -> None:
        taker, self._taker = self._taker, None
        if reusable:
            self._pool.give_back(self)
        else:
            self._drop()
        if taker is not None:
            self._pass_on(taker)
            taker.ended()

    def _break(self, sentence: str) -> None:
        taker, self._taker = self._taker, None
        self._drop()
        if taker is not None:
            self._pass_on(taker)
            taker.broken(sentence)

    def _drop(self) -> None:
        self._pool.forget(self)
        if self._transport is not None:
            self._transport.abort()


class UpstreamPool:
    """Connections to the one upstream server: idle ones first, new ones as needed."""

    def __init__(self, address: UpstreamAddress) -> None:
        self.address = address
        self._idle: list[UpstreamConnection] = []
        self._tls = ssl.create_default_context() if address.tls else None
        if self._tls is not None:
            self._tls.set_alpn_protocols(["http/1.1"])

    def take(self) -> UpstreamConnection | None:
        """The idle connection used last, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
        return None

    async def connect(self) -> UpstreamConnection:
        """A new connection. UpstreamError when there is none to be had; TimeoutError after 30 s."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self),
                    self.address.host,
                    self.address.port,
                    ssl=self._tls,
                )
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise UpstreamError(f"The model server cannot be reached: {error}.") from error
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        connection.idle_since = asyncio.get_running_loop().time()
        if len(self._idle) < KEEP_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.abandon()

    def forget(self, connection: UpstreamConnection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long."""
        for connection in [c for c in self._idle if now - c.idle_since > KEEP_IDLE_S]:
            connection.abandon()

    def close(self) -> None:
        for connection in list(self._idle):
            connection.abandon()
