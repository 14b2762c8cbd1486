"""The load: so many connections, each sending its next request when it has the last answer.

A bare asyncio client, so that the client's own time stays small beside the proxy's. Prints the
latencies as JSON: of whole calls, and for paced streams of single chunks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from bench.wire.serving import content_length, no_delay

SENT = re.compile(rb'"sent_ns": ?(\d+)')
PATIENCE_S = 10
MESSAGES = [
    {"role": "system", "content": "You are the Dungeon Master of a small tavern. " * 8},
    {"role": "user", "content": "I ask the innkeeper what he knows about the old mill."},
]


@dataclass
class Found:
    """What the load saw, in nanoseconds."""

    calls: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)


def request(body: dict[str, Any], port: int, path: str) -> bytes:
    """The bytes of one call, the same every time."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer sk-bench\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def connection(port: int, call: bytes, until: float, calls: int, found: Found) -> None:
    """Send calls one after the other until the time or their number is reached."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    no_delay(writer)
    clock = time.monotonic_ns
    while calls and time.monotonic() < until:
        calls -= 1
        begin = clock()
        writer.write(call)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200" not in head[:16]:
            raise SystemExit(f"the answer was not 200: {head[:200]!r}")
        if b"chunked" in head.lower():
            await _chunked(reader, begin, found)
        else:
            await reader.readexactly(content_length(head))
        found.calls.append(clock() - begin)
        if b"connection: close" in head.lower():
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            no_delay(writer)
    writer.close()


async def _chunked(reader: asyncio.StreamReader, begin: int, found: Found) -> None:
    tail = b""
    first = True
    while not tail.endswith(b"0\r\n\r\n"):
        data = await reader.read(65536)
        now = time.monotonic_ns()
        if not data:
            raise SystemExit("the connection was closed in the middle of a stream")
        if first:
            found.first.append(now - begin)
            first = False
        found.chunks += [now - int(sent) for sent in SENT.findall(data)]
        tail = (tail + data)[-5:]


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Warm up, then load for the asked time and number of calls."""
    body: dict[str, Any] = {"model": options.model, "messages": MESSAGES}
    if options.stream:
        body["stream"] = True
    if options.pace_ms:
        body["pace_ms"] = options.pace_ms
    call = request(body, options.port, options.path)
    found = Found()
    begin = time.monotonic()
    end = begin + options.seconds
    async with asyncio.timeout(options.seconds + PATIENCE_S), asyncio.TaskGroup() as group:
        for _ in range(options.connections):
            group.create_task(connection(options.port, call, end, options.calls, found))
    seconds = time.monotonic() - begin
    return {
        "requests": len(found.calls),
        "seconds": seconds,
        "requests_per_s": len(found.calls) / seconds,
        "call_ms": _median_ms(found.calls),
        "first_ms": _median_ms(found.first),
        "chunk_ms": _median_ms(found.chunks),
    }


def _median_ms(values: list[int]) -> float | None:
    return sorted(values)[len(values) // 2] / 1e6 if values else None


def main() -> None:
    """Read the command line, run, print one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--model", default="bench")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--calls", type=int, default=1 << 40, help="at most, a connection")
    parser.add_argument("--seconds", type=float, default=60.0, help="at most")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--pace-ms", type=float, default=0.0)
    try:
        found = asyncio.run(run(parser.parse_args()))
    except TimeoutError:
        sys.exit(f"after {PATIENCE_S} s answers were still missing")
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
