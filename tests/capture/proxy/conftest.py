"""A workspace, and raw ends of the wire: a server and a client that send exactly what is said."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from understudy.session.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace(tmp_path / "ws") as opened:
        yield opened


class RawServer:
    """Accepts connections and lets ``handle(socket, request bytes)`` answer each request."""

    def __init__(self, handle: Callable[[socket.socket, bytes], None]) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.received: list[bytes] = []
        self.closed_by_peer = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while request := read_message(connection):
                self.received.append(request)
                self._handle(connection, request)
        except OSError:
            pass
        self.closed_by_peer.set()
        connection.close()

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()


def read_message(connection: socket.socket) -> bytes:
    """One HTTP message with a length, or what came before the other side closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    return head + b"\r\n\r\n" + body


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket, bytes], None]], RawServer]]:
    made: list[RawServer] = []

    def make(handle: Callable[[socket.socket, bytes], None]) -> RawServer:
        made.append(RawServer(handle))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture
def ask() -> Iterator[Callable[[str, bytes], bytes]]:
    """Send bytes to a URL's server on a connection of its own; everything that comes back."""
    opened: list[socket.socket] = []

    def send(url: str, data: bytes) -> bytes:
        host, port = url.removeprefix("http://").split(":")
        connection = socket.create_connection((host, int(port)), timeout=5)
        opened.append(connection)
        connection.sendall(data)
        return read_message(connection)

    yield send
    for connection in opened:
        connection.close()


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for something to become true, for five seconds at most."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < deadline, "it never became true"
            time.sleep(0.005)

    return wait
