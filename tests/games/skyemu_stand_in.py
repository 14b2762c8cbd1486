"""A server that behaves as SkyEmu's HTTP control server was seen to behave, backed by PyBoy."""

from __future__ import annotations

import io
import threading
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from PIL import Image

KEEP_ALIVE_REQUESTS = 5
INPUTS = {
    "A": "a",
    "B": "b",
    "Up": "up",
    "Down": "down",
    "Left": "left",
    "Right": "right",
    "L": None,
    "R": None,
    "Start": "start",
    "Select": "select",
}


class SkyEmuStandIn:
    """The state of the server: one machine, its sticky inputs, and the commands it was sent.

    With ``says_close`` it announces in the header that a connection's fifth answer is its last;
    without, it ends the connection silently.
    """

    def __init__(self, *, says_close: bool = True) -> None:
        self.says_close = says_close
        self.machine = None
        self.inputs = dict.fromkeys(INPUTS, 0.0)
        self.commands: list[str] = []
        self.connections = 0
        self.lock = threading.Lock()
        self._before: dict[str, float] = dict(self.inputs)

    def answer(self, command: str, query: list[tuple[str, str]]) -> tuple[str, bytes]:
        """Content type and body; the status is always 200."""
        self.commands.append(command)
        if command == "ping":
            return _text("pong")
        if command == "load_rom":
            return _text(self._load_rom(dict(query)))
        if command == "input":
            for name, value in query:
                if name in self.inputs:
                    self.inputs[name] = float(value)
            return _text("ok")
        if self.machine is None:
            return _text("Failed (no ROM loaded)")
        reply = getattr(self, f"_{command}", None)
        return reply(query) if reply else _text("failed")

    def stop(self) -> None:
        """Switch the machine off."""
        if self.machine is not None:
            self.machine.stop(save=False)
            self.machine = None

    def _load_rom(self, query: dict[str, str]) -> str:
        self.stop()
        path = Path(query.get("path", ""))
        if not path.is_file():
            return "failed"
        self.machine = _pyboy(path.read_bytes())
        # As seen: a battery file is kept beside the ROM.
        path.with_suffix(".sav").write_bytes(b"")
        self._before = dict.fromkeys(INPUTS, 0.0)
        return "ok"

    def _step(self, query) -> tuple[str, bytes]:
        for name, button in INPUTS.items():
            if button and self.inputs[name] != self._before[name]:
                press = (
                    self.machine.button_press
                    if self.inputs[name]
                    else (self.machine.button_release)
                )
                press(button)
        self._before = dict(self.inputs)
        self.machine.tick(int(dict(query).get("frames", 1)), True, False)
        return _text("ok")

    def _screen(self, query) -> tuple[str, bytes]:
        kind = dict(query).get("format", "png")
        buffer = io.BytesIO()
        Image.fromarray(self.machine.screen.ndarray.copy(), "RGBA").convert("RGB").save(
            buffer, kind
        )
        return f"image/{kind}", buffer.getvalue()

    def _read_byte(self, query) -> tuple[str, bytes]:
        addresses = [int(value, 16) for name, value in query if name == "addr"]
        return _text("".join(f"{self.machine.memory[address]:02x}" for address in addresses))

    def _write_byte(self, query) -> tuple[str, bytes]:
        for name, value in query:
            if name != "map":
                self.machine.memory[int(name, 16)] = int(value, 16)
        return _text("ok")

    def _save(self, query) -> tuple[str, bytes]:
        try:
            with Path(dict(query)["path"]).open("wb") as file:
                self.machine.save_state(file)
        except (OSError, KeyError):
            return _text("failed")
        return _text("ok")

    def _load(self, query) -> tuple[str, bytes]:
        try:
            with Path(dict(query)["path"]).open("rb") as file:
                self.machine.load_state(file)
        except Exception:
            return _text("failed")
        return _text("ok")


def _text(text: str) -> tuple[str, bytes]:
    return "text/html", text.encode() + b"\0"


def _pyboy(rom: bytes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyboy import PyBoy
    machine = PyBoy(
        io.BytesIO(rom),
        window="null",
        sound_emulated=False,
        log_level="CRITICAL",
        color_palette=(0xFFFFFF, 0xAAAAAA, 0x555555, 0x000000),
    )
    machine.set_emulation_speed(0)
    return machine


@contextmanager
def running(stand_in: SkyEmuStandIn):
    """Serve ``stand_in`` on a free port of this machine; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        served = 0

        def setup(self) -> None:
            super().setup()
            stand_in.connections += 1

        def do_GET(self) -> None:
            self.served += 1
            parts = urlsplit(self.path)
            query = parse_qsl(parts.query, keep_blank_values=True)
            with stand_in.lock:
                kind, body = stand_in.answer(unquote(parts.path).strip("/"), query)
            last = self.served >= KEEP_ALIVE_REQUESTS
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if last and stand_in.says_close:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = last

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        stand_in.stop()
