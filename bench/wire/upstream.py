"""A model server that answers at once, so that what is measured is what lies before it.

Written on bare asyncio: `POST …` with `"stream": true` gets an SSE stream of small chunks, any
other request a plain completion. `"pace_ms"` in the body spaces the chunks, and each chunk then
carries the moment it was sent (`time.monotonic_ns`, one clock for all processes of a machine).
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from bench.wire.serving import content_length, serve

CHUNKS = 20
WORDS = "The old innkeeper leans over the bar and lowers his voice so that only you hear it."

PLAIN = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": WORDS * 6},
            }
        ],
        "usage": {"prompt_tokens": 120, "completion_tokens": 120, "total_tokens": 240},
    }
).encode()
PLAIN_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(PLAIN)
) + PLAIN
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


def _event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    data = json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "bench",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            **more,
        }
    )
    return _chunk(f"data: {data}\n\n".encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


FIRST = _event({"role": "assistant", "content": ""})
MIDDLE = [_event({"content": word}) for word in WORDS.split()]
LAST = _event({}, "stop") + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection until it is closed."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        body = json.loads(await reader.readexactly(content_length(head)) or b"{}")
        if not body.get("stream"):
            writer.write(PLAIN_ANSWER)
            await writer.drain()
            continue
        pace = body.get("pace_ms", 0) / 1e3
        writer.write(STREAM_HEAD + FIRST)
        for i in range(CHUNKS):
            if pace:
                await asyncio.sleep(pace)
                writer.write(_event({"content": "now"}, sent_ns=time.monotonic_ns()))
            else:
                writer.write(MIDDLE[i % len(MIDDLE)])
        writer.write(LAST)
        await writer.drain()


if __name__ == "__main__":
    serve(answer)
