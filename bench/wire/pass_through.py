"""The bare limit of a proxy in aiohttp: every request sent on, every chunk sent back, no more."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

UPSTREAM = f"http://127.0.0.1:{os.environ.get('BENCH_UPSTREAM_PORT', '0')}"
HOP_BY_HOP = {"host", "connection", "content-length", "transfer-encoding", "keep-alive"}
SESSION = web.AppKey("session", ClientSession)


async def pass_on(request: web.Request) -> web.StreamResponse:
    """Send one request on and its answer back as it comes."""
    headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
    async with request.app[SESSION].request(
        request.method, UPSTREAM + request.path_qs, headers=headers, data=await request.read()
    ) as answer:
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
        back = web.StreamResponse(status=answer.status, headers=kept)
        back.content_length = answer.content_length
        await back.prepare(request)
        async for chunk in answer.content.iter_any():
            await back.write(chunk)
        await back.write_eof()
        return back


async def one_client(app: web.Application) -> AsyncIterator[None]:
    """One client for the life of the server."""
    async with ClientSession(
        connector=TCPConnector(limit=0),
        timeout=ClientTimeout(total=None),
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
    ) as app[SESSION]:
        yield


def main() -> None:
    """Serve on the port that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    app = web.Application(client_max_size=64 << 20)
    app.cleanup_ctx.append(one_client)
    app.router.add_route("*", "/{path:.*}", pass_on)
    web.run_app(app, host="127.0.0.1", port=parser.parse_args().port, access_log=None, print=None)


if __name__ == "__main__":
    main()
