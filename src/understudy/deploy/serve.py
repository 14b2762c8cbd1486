"""Serves a bundle as a game asks for it: llama.cpp's own server behind OpenAI's interface.

The template is the file's; the sampling, and the grammar of the calls, are the bundle's where a
request does not say. Whoever can reach the address is answered, so any address but loopback demands
a token.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable

from understudy._util.signals import stop_on_terminate
from understudy.chat.tools.call_grammar import read_grammar
from understudy.deploy.bundle import Bundle
from understudy.deploy.target import find_target
from understudy.errors import DeployError, UsageError
from understudy.players.backends.chat_model import Sampling
from understudy.players.backends.llama_cpp import DEFAULT_CONTEXT, LlamaServer

DEFAULT_PORT = 8485


def serve_bundle(
    bundle: Bundle,
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    token: str | None = None,
    threads: int | None = None,
    slots: int = 1,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. Call it from the main thread.

    ``ready`` is called with the URL once the server listens. Raises as `open_server`.
    """
    with open_server(
        bundle, host=host, port=port, token=token, threads=threads, slots=slots
    ) as server:
        try:
            with stop_on_terminate():
                if ready is not None:
                    ready(server.url)
                threading.Event().wait()
        except KeyboardInterrupt:
            pass


def open_server(
    bundle: Bundle,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    threads: int | None = None,
    slots: int = 1,
) -> LlamaServer:
    """A server that runs the bundle, to be closed; ``slots`` is how many are answered at once.

    Raises UsageError for an address other than loopback without a token, DeployError for a bundle
    that llama.cpp does not run, PlayerError when it cannot be loaded or the port is taken.
    """
    if not token and not _is_loopback(host):
        raise UsageError(
            f"{host} can be reached from other machines; give a token that clients have to show, "
            "or serve on 127.0.0.1"
        )
    file = find_target(bundle.target).gguf(bundle.folder)
    if file is None:
        raise DeployError(
            f"{bundle.ref} was packed for {bundle.target} and holds no file that llama.cpp runs; "
            "deploy the model with the target gguf-mobile"
        )
    return LlamaServer(
        file,
        host=host,
        port=port,
        token=token,
        name=bundle.name,
        context=int(bundle.facts.get("context_length") or DEFAULT_CONTEXT),
        threads=threads,
        slots=slots,
        sampling=Sampling(**(bundle.facts.get("sampling") or {})),
        grammar=read_grammar(bundle.folder),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
