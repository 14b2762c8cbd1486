"""What all connections of one proxy share: where it leads, whom it admits, what is under way."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from understudy.capture.proxy.upstream_connection import UpstreamPool
from understudy.capture.sink import CallSink

if TYPE_CHECKING:
    from understudy.capture.proxy.client_connection import ClientConnection
    from understudy.capture.proxy.passage import Passage
    from understudy.capture.proxy.upstream_address import UpstreamAddress

logger = logging.getLogger("understudy.capture.proxy")


class Gate:
    """Made once for each proxy, inside its event loop."""

    def __init__(
        self,
        address: UpstreamAddress,
        sink: CallSink,
        *,
        token: str | None,
        max_body_bytes: int,
        upstream_timeout_s: float,
    ) -> None:
        self.pool = UpstreamPool(address)
        self.sink = sink
        self.token = token.encode() if token else None
        self.max_body_bytes = max_body_bytes
        self.upstream_timeout_s = upstream_timeout_s
        self.uncaptured = 0
        """Requests that were passed through on paths that no dialect knows."""
        self.passages: set[Passage] = set()
        self.clients: set[ClientConnection] = set()
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def health(self, *, admitted: bool) -> bytes:
        """The body of ``/healthz``: counters for those who may see them, else only that it runs."""
        facts = self.sink.facts()
        ok = facts["dropped"] == 0
        if not admitted:
            return json.dumps({"ok": ok}).encode()
        return json.dumps(
            {
                "ok": ok,
                "seen": facts["seen"],
                "stored": facts["stored"],
                "dropped": facts["dropped"],
                "in_flight": len(self.passages),
                "uncaptured": self.uncaptured,
                "last_error": facts["last_error"],
            }
        ).encode()

    async def close(self) -> None:
        """Hang up on everybody; calls under way are kept as ``client_closed``."""
        self._sweeper.cancel()
        for client in list(self.clients):
            client.hang_up()
        self.pool.close()
        await asyncio.sleep(0)

    async def _sweep(self) -> None:
        """One clock for all time-outs: cheaper than one for each call."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self.upstream_timeout_s / 4))
            now = loop.time()
            self.pool.sweep(now)
            for passage in list(self.passages):
                passage.check_time(now, self.upstream_timeout_s)
            for client in list(self.clients):
                client.check_time(now)
