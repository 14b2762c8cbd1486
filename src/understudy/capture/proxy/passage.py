"""One request on its way through the proxy: forwarded, its answer passed on at once, and captured.

Nothing here reads what a body says; that happens after the call, on the sink's thread.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Protocol

from understudy.capture.finished_call import FinishedCall
from understudy.capture.proxy.answers import error_answer, whole_response
from understudy.capture.proxy.heads import Framing, Headers, request_head, response_head, value_of
from understudy.errors import UpstreamError

if TYPE_CHECKING:
    from understudy.capture.proxy.gate import Gate
    from understudy.capture.proxy.upstream_connection import UpstreamConnection
    from understudy.chat.dialects.dialect import Dialect
    from understudy.chat.exchange import Ended


class Caller(Protocol):
    """The client's connection, as far as a passage needs it."""

    def send(self, data: bytes) -> None: ...

    def done(self, *, keep: bool) -> None: ...


class Passage:
    """Lives from a complete request to the end of its answer, or until one side goes away."""

    def __init__(
        self,
        gate: Gate,
        caller: Caller,
        *,
        method: bytes,
        target: bytes,
        headers: Headers,
        body: bytes,
        dialect: Dialect | None,
        session_name: str | None,
        http10: bool,
        keep: bool,
    ) -> None:
        self.method = method
        self.touched = asyncio.get_running_loop().time()
        """When the upstream was last heard of, on the loop's clock."""
        self._gate = gate
        self._caller = caller
        self._http10 = http10
        self._keep = keep
        self._chunked = False
        self._out: list[bytes] = []
        self._answered = False
        self._over = False
        self._paused = False
        self._connection: UpstreamConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._dialect_name = dialect.name if dialect is not None else None
        self._session_name = session_name
        self._call: FinishedCall | None = None
        if dialect is not None:
            self._call = FinishedCall(
                dialect,
                body,
                started=time.time(),
                begun=time.perf_counter(),
                request_encoding=(value_of(headers, b"content-encoding") or b"").decode("latin-1"),
            )
        head = request_head(method, target, gate.pool.address.host_header, headers, len(body))
        gate.passages.add(self)
        connection = gate.pool.take()
        if connection is not None:
            self._connection = connection
            connection.ask(self, head, body)
        else:
            self._connecting = asyncio.get_running_loop().create_task(self._connect(head, body))

    async def _connect(self, head: bytes, body: bytes) -> None:
        try:
            self._connection = await self._gate.pool.connect()
        except TimeoutError:
            self._fail(504, "The model server did not accept a connection in time.")
        except UpstreamError as error:
            self._fail(502, str(error))
        else:
            self.touched = asyncio.get_running_loop().time()
            self._connection.ask(self, head, body)
            if self._paused:
                self._connection.pause()

    # What the upstream connection calls

    def answered(self, status: int, reason: bytes, headers: Headers, framing: Framing) -> None:
        self._answered = True
        self._chunked = not self._http10 and framing in (Framing.CHUNKED, Framing.UNTIL_CLOSE)
        if self._http10 and framing in (Framing.CHUNKED, Framing.UNTIL_CLOSE):
            self._keep = False
        self._out.append(
            response_head(status, reason, headers, framing, http10=self._http10, keep=self._keep)
        )
        call = self._call
        if call is not None:
            call.http_status = status
            call.content_type = (value_of(headers, b"content-type") or b"").decode("latin-1")
            call.encoding = (value_of(headers, b"content-encoding") or b"").decode("latin-1")

    def body(self, chunk: bytes) -> None:
        if self._chunked:
            self._out.append(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            self._out.append(chunk)
        if self._call is not None:
            self._call.add(time.perf_counter(), chunk, self._gate.max_body_bytes)

    def ended(self) -> None:
        if self._chunked:
            self._out.append(b"0\r\n\r\n")
        self._close(keep=self._keep)

    def broken(self, sentence: str) -> None:
        self._connection = None
        self._fail(502, sentence)

    def flush(self) -> None:
        """Pass on what came in one go with one write."""
        self.touched = asyncio.get_running_loop().time()
        if self._out:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._caller.send(data)

    # What the client's connection and the clock call

    def client_gone(self) -> None:
        """The client hung up: so do we, and what came so far is kept."""
        if self._over:
            return
        self._over = True
        self._let_go()
        self._finish("client_closed", "The client closed the connection before the answer ended.")

    def pause(self, *, paused: bool) -> None:
        """The client takes the answer more slowly than it comes."""
        self._paused = paused
        self.touched = asyncio.get_running_loop().time()
        if self._connection is not None:
            if paused:
                self._connection.pause()
            else:
                self._connection.resume()

    def check_time(self, now: float, timeout_s: float) -> None:
        """Give up on an upstream that has been silent for too long."""
        if not self._paused and not self._over and now - self.touched > timeout_s:
            self._let_go()
            self._fail(504, f"The model server was silent for {timeout_s:g} s.")

    # Behind it

    def _let_go(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.abandon()
            self._connection = None

    def _fail(self, status: int, sentence: str) -> None:
        if self._over:
            return
        self._over = True
        if self._answered:
            self.flush()
            self._finish("upstream_error", sentence)
            self._caller.done(keep=False)  # cut short, so that the client knows it is not whole
        else:
            body = error_answer(self._dialect_name, status, sentence)
            self._caller.send(
                whole_response(status, body, keep=self._keep, head_only=self.method == b"HEAD")
            )
            self._finish("upstream_error", sentence)
            self._caller.done(keep=self._keep)

    def _close(self, *, keep: bool) -> None:
        if self._over:
            return
        self._over = True
        if self._paused and self._connection is not None:
            self._connection.resume()
        self._connection = None
        self.flush()
        self._finish("complete", None)
        self._caller.done(keep=keep)

    def _finish(self, ended: Ended, error: str | None) -> None:
        self._gate.passages.discard(self)
        call = self._call
        if call is None:
            return
        call.finished = time.perf_counter()
        call.ended = ended
        call.error = error
        size = len(call.request_body) + call.size
        self._gate.sink.submit_later(call.record, session_name=self._session_name, size=size)
