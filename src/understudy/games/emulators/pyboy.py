"""PyBoy inside this process: the default emulator."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import EmulatorError
from understudy.games.emulators.emulator import SHADES, Emulator, check_buttons, read_rom

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PyBoyEmulator(Emulator):
    """A PyBoy without window and sound."""

    name = "pyboy"

    def __init__(self) -> None:
        """EmulatorError when PyBoy is not installed."""
        self._make = _pyboy_class()
        self._pyboy: Any = None

    def load(self, rom: Path) -> None:
        """Put in the cartridge ``rom`` and switch on."""
        data = read_rom(rom)
        self.close()
        try:
            # From memory, with a battery of its own: nothing is looked for or left beside the ROM.
            self._pyboy = self._make(
                io.BytesIO(data),
                window="null",
                sound_emulated=False,
                log_level="CRITICAL",
                ram_file=None,
                color_palette=tuple(shade * 0x010101 for shade in SHADES),
            )
        except Exception as error:
            raise EmulatorError(
                f"PyBoy cannot run {rom} ({type(error).__name__}: {error}); check that it is a "
                "ROM of a Game Boy"
            ) from error
        self._pyboy.set_emulation_speed(0)

    def version(self) -> str:
        """``pyboy`` with the version of its package."""
        from importlib.metadata import version

        return f"{self.name} {version('pyboy')}"

    def press(self, buttons: Iterable[str], frames: int) -> None:
        """Hold ``buttons`` for ``frames``, then let go."""
        held = check_buttons(buttons)
        machine = self._machine()
        for button in held:
            machine.button_press(button)
        self._tick(frames, draw=False)
        for button in held:
            machine.button_release(button)

    def run(self, frames: int, *, draw: bool = True) -> None:
        """Let ``frames`` pass."""
        self._tick(frames, draw=draw)

    def screen(self) -> NDArray[np.uint8]:
        """The frame drawn last."""
        picture: NDArray[np.uint8] = self._machine().screen.ndarray[:, :, :3].copy()
        return picture

    def read(self, address: int, count: int = 1) -> bytes:
        """Bytes of memory."""
        return bytes(self._machine().memory[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        """Change the memory."""
        memory = self._machine().memory
        for offset, byte in enumerate(data):
            memory[address + offset] = byte

    def save_state(self) -> bytes:
        """PyBoy's own format, about 150 kB."""
        buffer = io.BytesIO()
        self._machine().save_state(buffer)
        return buffer.getvalue()

    def load_state(self, state: bytes) -> None:
        """Become what ``save_state`` returned."""
        try:
            self._machine().load_state(io.BytesIO(state))
        except EmulatorError:
            raise
        except Exception as error:
            raise EmulatorError(
                f"PyBoy cannot load this state ({type(error).__name__}: {error}); it was saved by "
                "another version or with another ROM"
            ) from error

    def close(self) -> None:
        """Switch off, saving nothing."""
        machine, self._pyboy = self._pyboy, None
        if machine is not None:
            machine.stop(save=False)

    def _tick(self, frames: int, *, draw: bool) -> None:
        machine = self._machine()
        if frames <= 0:
            return
        try:
            alive = machine.tick(frames, draw, False)
        except Exception as error:
            raise EmulatorError(
                f"PyBoy broke down while running the game ({type(error).__name__}: {error})"
            ) from error
        if not alive:
            raise EmulatorError("PyBoy stopped by itself while running the game")

    def _machine(self) -> Any:
        if self._pyboy is None:
            raise EmulatorError("no ROM is loaded; call `load` first")
        return self._pyboy


def _pyboy_class() -> Any:
    try:
        with warnings.catch_warnings():
            # Its window library announces itself as a warning.
            warnings.simplefilter("ignore")
            from pyboy import PyBoy
    except ImportError as error:
        raise EmulatorError(
            f"games on a ROM need PyBoy, which cannot be imported ({error}); install the extra "
            "`games`, as in `pip install '.[games]'`"
        ) from error
    return PyBoy
