"""A transport of httpx (either generation) that lets everything through and keeps a copy of calls.

It imports neither library: it wraps what the client already has, and only the class of a response
stream must be of the client's own library.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from typing import Any

from understudy.capture.finished_call import FinishedCall
from understudy.chat.dialects import dialect_for
from understudy.chat.exchange import Ended

logger = logging.getLogger("understudy.capture")


class Watch:
    """What to do with calls: shared by all transports of one captured client."""

    def __init__(
        self,
        keep: Callable[[FinishedCall], None],
        close: Callable[[], None],
        *,
        max_body_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._keep = keep
        self._close = close
        self._closed = False
        self._max_body_bytes = max_body_bytes

    def begin(self, request: Any) -> FinishedCall | None:
        """Start to watch a request; None when it is no model call, or cannot be watched."""
        try:
            dialect = dialect_for(request.method, request.url.path)
            if dialect is None:
                return None
            return FinishedCall(
                dialect,
                request.content,
                started=time.time(),
                begun=time.perf_counter(),
                request_encoding=request.headers.get("content-encoding", ""),
            )
        except Exception as error:  # a body that is streamed cannot be read twice
            logger.warning("a call was not captured: %s", error)
            return None

    def answered(self, call: FinishedCall, response: Any) -> None:
        """Watch the body of the response from here on."""
        try:
            call.http_status = response.status_code
            call.content_type = response.headers.get("content-type", "")
            call.encoding = response.headers.get("content-encoding", "")
            library = type(response).__module__.split(".")[0]
            response.stream = _stream_class(library)(response.stream, call, self)
        except Exception as error:
            logger.warning("an answer was not captured: %s", error)

    def add(self, call: FinishedCall, chunk: bytes) -> None:
        call.add(time.perf_counter(), chunk, self._max_body_bytes)

    def end(self, call: FinishedCall, ended: Ended, error: BaseException | None = None) -> None:
        """The call is over; the first end counts."""
        if call.finished:
            return
        call.finished = time.perf_counter()
        call.ended = ended
        call.error = None if error is None else f"{type(error).__name__}: {error}"
        try:
            self._keep(call)
        except Exception as problem:
            logger.warning("a call was not captured: %s", problem)

    def broke(self, call: FinishedCall, error: BaseException) -> None:
        """The call ended with an exception: the server's fault, or the caller gave up."""
        self.end(call, "upstream_error" if isinstance(error, Exception) else "client_closed", error)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._close()


class WatchedTransport:
    """Stands where ``inner`` stood; everything it does not watch goes to ``inner``."""

    def __init__(self, inner: Any, watch: Watch, keep_alive: object) -> None:
        self._inner = inner
        self._watch = watch
        self._keep_alive = keep_alive
        """The client ``inner`` came from, which would close it when it is collected."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def handle_request(self, request: Any) -> Any:
        call = self._watch.begin(request)
        if call is None:
            return self._inner.handle_request(request)
        try:
            response = self._inner.handle_request(request)
        except BaseException as error:
            self._watch.broke(call, error)
            raise
        self._watch.answered(call, response)
        return response

    async def handle_async_request(self, request: Any) -> Any:
        call = self._watch.begin(request)
        if call is None:
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            self._watch.broke(call, error)
            raise
        self._watch.answered(call, response)
        return response

    def close(self) -> None:
        self._inner.close()
        self._watch.close()

    async def aclose(self) -> None:
        await self._inner.aclose()
        await _elsewhere(self._watch.close)

    def __enter__(self) -> WatchedTransport:
        self._inner.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._inner.__exit__(*exc)
        self._watch.close()

    async def __aenter__(self) -> WatchedTransport:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._inner.__aexit__(*exc)
        await _elsewhere(self._watch.close)


def watched(transport: Any, watch: Watch, *, keep_alive: object) -> WatchedTransport:
    """``transport`` with its calls watched; one that is watched already is not watched twice."""
    if isinstance(transport, WatchedTransport):
        transport = transport._inner
    return WatchedTransport(transport, watch, keep_alive)


async def _elsewhere(work: Callable[[], None]) -> None:
    """Run ``work`` without holding up the event loop (asyncio's; under another it runs here)."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        work()
    else:
        await loop.run_in_executor(None, work)


class _Watched:
    """The body of a response on its way to the client; sync or async, whichever it is."""

    def __init__(self, inner: Any, call: FinishedCall, watch: Watch) -> None:
        self._inner = inner
        self._call = call
        self._watch = watch

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._inner:
                self._watch.add(self._call, chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self._watch.broke(self._call, error)
            raise
        self._watch.end(self._call, "complete")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                self._watch.add(self._call, chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self._watch.broke(self._call, error)
            raise
        self._watch.end(self._call, "complete")

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._watch.end(self._call, "client_closed")

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._watch.end(self._call, "client_closed")

    def __del__(self) -> None:
        # A stream that was dropped without being closed: what came is kept all the same.
        self._watch.end(self._call, "client_closed")


@cache
def _stream_class(library: str) -> type[Any]:
    module = importlib.import_module(library)
    bases = (_Watched, module.SyncByteStream, module.AsyncByteStream)
    return type("WatchedStream", bases, {})
