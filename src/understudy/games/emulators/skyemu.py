"""SkyEmu through its HTTP control server.

The server has ways of its own. Every reply to a command has status 200 and the type ``text/html``,
and ends in a NUL byte; a command that failed says so in its text alone, so the text is what counts,
and for a picture the type of the content. Inputs stay as they were set until they are set again,
and one whose name is not known is passed over with ``ok``. Time stands still between ``/step``
commands. A ROM that cannot be loaded leaves the machine empty. A connection serves five requests.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from understudy.errors import EmulatorError
from understudy.games.emulators.emulator import Emulator, check_buttons, read_rom

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REQUESTS_A_CONNECTION = 5
TIMEOUT_S = 30.0
_RESTED_S = 1.0
"""The server ends a connection that rests for some seconds; one this old is not used again."""

_ADDRESSES_A_REQUEST = 200
"""Keeps the line of a request within what small HTTP servers read."""

_INPUTS = {
    "a": "A",
    "b": "B",
    "start": "Start",
    "select": "Select",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
}


class SkyEmuEmulator(Emulator):
    """A SkyEmu on this machine: ROM and states are handed over as files, by their paths."""

    name = "skyemu"

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """``url`` is where the control server listens; nothing is asked of it yet."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise EmulatorError(
                f"{url!r} is no address of a SkyEmu; set games.skyemu_url to something like "
                "http://localhost:8080"
            )
        self.url = f"http://{parts.hostname}:{parts.port or 80}"
        self._host = parts.hostname
        self._port = parts.port or 80
        self._timeout = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._served = 0
        self._used = 0.0
        # A copy of the ROM in a folder of our own: SkyEmu keeps its battery file beside the ROM.
        self._folder = Path(tempfile.mkdtemp(prefix="understudy-skyemu-"))
        self._loads = 0
        self._rom = ""

    def load(self, rom: Path) -> None:
        """Put in the cartridge ``rom`` and switch on, paused."""
        data = read_rom(rom)
        self._loads += 1
        folder = self._folder / str(self._loads)
        folder.mkdir()
        copy = folder / "game.gb"
        copy.write_bytes(data)
        self._rom = ""
        self._command(f"load_rom?path={_quoted(copy)}&pause=1", f"load {rom}")
        self._rom = str(rom)
        # Whoever used this SkyEmu before may have left a button down.
        self._set_inputs(dict.fromkeys(_INPUTS.values(), 0))

    def press(self, buttons: Iterable[str], frames: int) -> None:
        """Hold ``buttons`` for ``frames``, then let go."""
        held = [_INPUTS[button] for button in check_buttons(buttons)]
        self._need_rom()
        self._set_inputs(dict.fromkeys(held, 1))
        try:
            self._step(frames)
        finally:
            self._set_inputs(dict.fromkeys(held, 0))

    def run(self, frames: int, *, draw: bool = True) -> None:
        """Let ``frames`` pass; SkyEmu draws always."""
        self._need_rom()
        self._step(frames)

    def screen(self) -> NDArray[np.uint8]:
        """The current picture."""
        import numpy as np
        from PIL import Image

        self._need_rom()
        kind, body = self._request("screen?format=png")
        if kind != "image/png":
            raise self._failed("draw its screen", _text(body))
        try:
            with Image.open(io.BytesIO(body)) as picture:
                return np.array(picture.convert("RGB"), dtype=np.uint8)
        except OSError as error:
            raise self._failed("draw its screen", f"the PNG is damaged: {error}") from error

    def read(self, address: int, count: int = 1) -> bytes:
        """Bytes of memory."""
        self._need_rom()
        found = bytearray()
        for first in range(address, address + count, _ADDRESSES_A_REQUEST):
            last = min(first + _ADDRESSES_A_REQUEST, address + count)
            query = "&".join(f"addr={one:X}" for one in range(first, last))
            text = self._answer(f"read_byte?{query}")
            try:
                part = bytes.fromhex(text)
            except ValueError:
                part = b""
            if len(part) != last - first:
                raise self._failed(f"read memory at {first:04X}", text)
            found += part
        return bytes(found)

    def write(self, address: int, data: bytes) -> None:
        """Change the memory."""
        self._need_rom()
        for start in range(0, len(data), _ADDRESSES_A_REQUEST):
            part = data[start : start + _ADDRESSES_A_REQUEST]
            query = "&".join(
                f"{address + start + offset:X}={byte:02X}" for offset, byte in enumerate(part)
            )
            self._command(f"write_byte?{query}", f"write memory at {address + start:04X}")

    def save_state(self) -> bytes:
        """SkyEmu's own format: a PNG with the state inside."""
        self._need_rom()
        path = self._folder / "saved.png"
        path.unlink(missing_ok=True)
        self._command(f"save?path={_quoted(path)}", "save its state")
        try:
            return path.read_bytes()
        except OSError as error:
            raise EmulatorError(
                f"SkyEmu at {self.url} saved its state where this process cannot read it; run "
                "SkyEmu on this machine, with access to the temporary folder"
            ) from error

    def load_state(self, state: bytes) -> None:
        """Become what ``save_state`` returned."""
        self._need_rom()
        path = self._folder / "load.png"
        path.write_bytes(state)
        self._command(f"load?path={_quoted(path)}", "load this state")

    def close(self) -> None:
        """Let go of the connection and the files; SkyEmu itself goes on waiting."""
        self._disconnect()
        self._rom = ""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _need_rom(self) -> None:
        if not self._rom:
            raise EmulatorError("no ROM is loaded; call `load` first")

    def _set_inputs(self, values: dict[str, int]) -> None:
        if values:
            query = "&".join(f"{name}={value}" for name, value in values.items())
            self._command(f"input?{query}", "set its inputs")

    def _step(self, frames: int) -> None:
        if frames > 0:
            # Never sent twice: a frame too many would change the game.
            self._command(f"step?frames={frames}", f"run {frames} frames", again=False)

    def _command(self, target: str, what: str, *, again: bool = True) -> None:
        text = self._answer(target, again=again)
        if text.lower() not in ("ok", "okay"):
            raise self._failed(what, text)

    def _answer(self, target: str, *, again: bool = True) -> str:
        kind, body = self._request(target, again=again)
        if not kind.startswith("text/"):
            raise self._failed(f"answer /{target.partition('?')[0]}", f"its answer is {kind}")
        return _text(body)

    def _failed(self, what: str, text: str) -> EmulatorError:
        said = text[:200] or "nothing"
        return EmulatorError(f"SkyEmu at {self.url} could not {what}: it said {said!r}")

    def _request(self, target: str, *, again: bool = True) -> tuple[str, bytes]:
        """Content type and body of the answer to ``GET /target``."""
        fresh = (
            self._connection is None
            or self._served >= REQUESTS_A_CONNECTION
            or time.monotonic() - self._used > _RESTED_S
        )
        try:
            return self._exchange(target, fresh=fresh)
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            if fresh or not again:
                raise self._lost(error) from error
        # The server may have ended the connection between two requests: a new one is tried once.
        try:
            return self._exchange(target, fresh=True)
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> EmulatorError:
        reason = str(error) or type(error).__name__
        return EmulatorError(
            f"SkyEmu at {self.url} does not answer ({reason}); start it with its HTTP control "
            "server, or set games.skyemu_url or games.emulator to something else"
        )

    def _exchange(self, target: str, *, fresh: bool) -> tuple[str, bytes]:
        if fresh or self._connection is None:
            self._disconnect()
            self._connection = http.client.HTTPConnection(
                self._host, self._port, timeout=self._timeout
            )
        self._served += 1
        self._connection.request("GET", f"/{target}")
        response = self._connection.getresponse()
        body = response.read()
        self._used = time.monotonic()
        kind = response.headers.get_content_type()
        if response.will_close:
            self._disconnect()
        if response.status != 200:
            raise EmulatorError(
                f"{self.url} answered /{target.partition('?')[0]} with status {response.status}; "
                "it is not the control server of a SkyEmu"
            )
        return kind, body

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._served = 0
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()


def _quoted(path: Path) -> str:
    return quote(str(path), safe="/")


def _text(body: bytes) -> str:
    return body.decode("utf-8", errors="replace").rstrip("\0").strip()
