"""A raw socket relay: bytes from one connection to the other, knowing nothing of HTTP."""

from __future__ import annotations

import asyncio
import os

from bench.wire.serving import no_delay, serve

UPSTREAM_PORT = int(os.environ.get("BENCH_UPSTREAM_PORT", "0"))


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Open one connection upstream for this one and pass bytes both ways."""
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", UPSTREAM_PORT)
    no_delay(up_writer)
    try:
        await asyncio.gather(_pass(reader, up_writer), _pass(up_reader, writer))
    finally:
        up_writer.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()
    target.close()


if __name__ == "__main__":
    serve(relay)
