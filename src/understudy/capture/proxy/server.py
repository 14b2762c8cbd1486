"""Starting and stopping a proxy: in the foreground for the command, in a thread for programs.

HTTP is parsed by httptools on both sides of plain asyncio connections. A pass-through on aiohttp
alone, without any capture, took more processor time a call than this proxy may take with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from understudy._util.loop_thread import LoopThread
from understudy.capture.proxy.client_connection import ClientConnection
from understudy.capture.proxy.gate import Gate, logger
from understudy.capture.proxy.upstream_address import UpstreamAddress
from understudy.capture.sink import CallSink
from understudy.chat.dialects import dialects
from understudy.errors import CaptureError, UsageError

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

_SWITCH_S = 0.0005
"""How long the storing thread may keep the forwarding one waiting (Python's own default: 5 ms)."""


class _Proxy:
    """The parts of one proxy; ``start`` and ``stop`` run inside its event loop."""

    def __init__(
        self,
        workspace: Workspace,
        upstream: str,
        host: str,
        port: int,
        token: str | None,
        max_body_mb: float | None,
        upstream_timeout_s: float | None,
    ) -> None:
        settings = workspace.settings.proxy
        self.address = UpstreamAddress.parse(upstream)
        self.host = host
        self.port = port
        self.token = token or None
        self.max_body_mb = settings.max_body_mb if max_body_mb is None else max_body_mb
        self.timeout_s = (
            settings.upstream_timeout_s if upstream_timeout_s is None else upstream_timeout_s
        )
        if not _is_loopback(host) and self.token is None:
            raise UsageError(
                f"A proxy on {host} can be reached by other machines: give it a token "
                "(clients send it as X-Understudy-Token or in the path as /token/TOKEN/), "
                "or bind it to 127.0.0.1."
            )
        dialects()  # a plug-in that cannot be loaded must show now, not in every call
        self.sink = CallSink(workspace)
        self.gate: Gate | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Begin to listen; the URL clients use."""
        gate = Gate(
            self.address,
            self.sink,
            token=self.token,
            max_body_bytes=int(self.max_body_mb * 1024 * 1024),
            upstream_timeout_s=float(self.timeout_s),
        )
        self.gate = gate
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: ClientConnection(gate), self.host, self.port, backlog=1024
            )
        except OSError as error:
            await gate.close()
            raise CaptureError(
                f"The proxy cannot listen on {self.host}:{self.port}: {error.strerror or error}; "
                "choose another --port or --host."
            ) from error
        port = self._server.sockets[0].getsockname()[1]
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{port}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self.gate is not None:
            await self.gate.close()


class ProxyServer:
    """A proxy in a thread of its own, from entering to leaving; ``url`` is its address.

    ``max_body_mb`` and ``upstream_timeout_s`` come from the workspace's settings unless given.
    UsageError for an upstream that is no URL, or an address other than loopback without a token;
    CaptureError when the port is taken.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        upstream: str,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
        max_body_mb: float | None = None,
        upstream_timeout_s: float | None = None,
    ) -> None:
        self._proxy: _Proxy | None = None
        self._make = partial(
            _Proxy, workspace, upstream, host, port, token, max_body_mb, upstream_timeout_s
        )
        self._thread: LoopThread | None = None
        self.url = ""

    @property
    def sink(self) -> CallSink:
        """Where the calls go; CaptureError before the proxy runs."""
        if self._proxy is None:
            raise CaptureError("The proxy has not been started; use it as a context manager.")
        return self._proxy.sink

    def __enter__(self) -> ProxyServer:
        self._proxy = self._make()
        self._thread = LoopThread("understudy-proxy")
        try:
            self.url = self._thread.call(self._proxy.start())
        except BaseException:
            self._thread.stop()
            self._proxy.sink.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        if self._thread is not None and self._proxy is not None:
            self._thread.call(self._proxy.stop())
            self._thread.stop()
            self._thread = None
            self._proxy.sink.close()


def serve_proxy(
    workspace: Workspace,
    *,
    upstream: str,
    host: str = "127.0.0.1",
    port: int = 8484,
    token: str | None = None,
    max_body_mb: float | None = None,
    upstream_timeout_s: float | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run a proxy until SIGINT or SIGTERM, then seal its sessions. Call it from the main thread.

    ``ready`` is called with the URL once the proxy listens. Errors as for ``ProxyServer``.
    """
    proxy = _Proxy(workspace, upstream, host, port, token, max_body_mb, upstream_timeout_s)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        asyncio.run(_serve(proxy, ready))
    except KeyboardInterrupt:
        pass
    finally:
        sys.setswitchinterval(before)
        proxy.sink.close()


async def _serve(proxy: _Proxy, ready: Callable[[str], None] | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no signal handlers in the loop: there, Ctrl-C raises KeyboardInterrupt.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    url = await proxy.start()
    logger.info("proxy listens on %s", url)
    if ready is not None:
        ready(url)
    try:
        await stopped.wait()
    finally:
        await proxy.stop()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
