"""What a game needs of an emulator, whichever one it is.

Time is counted in frames and passes only while ``press`` or ``run`` is running, so the same calls
after the same state always give the same screens.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from understudy.errors import EmulatorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BUTTONS = ("a", "b", "start", "select", "up", "down", "left", "right")
SCREEN_HEIGHT = 144
SCREEN_WIDTH = 160

SHADES = (0xFF, 0xAA, 0x55, 0x00)
"""The four greys of a Game Boy, lightest first, as every emulator here draws them."""


class Emulator(ABC):
    """One emulated machine. Every method raises EmulatorError when the emulator cannot do it."""

    name: str
    """Names the kind of emulator: states saved by one kind cannot be loaded by another."""

    @abstractmethod
    def load(self, rom: Path) -> None:
        """Put in the cartridge ``rom`` and switch on; what was running before is gone.

        The cartridge's battery is empty, and nothing is ever written beside the ROM.
        """

    @abstractmethod
    def press(self, buttons: Iterable[str], frames: int) -> None:
        """Hold ``buttons`` (names from BUTTONS; none is allowed) for ``frames``, then let go.

        Nothing is drawn meanwhile.
        """

    @abstractmethod
    def run(self, frames: int, *, draw: bool = True) -> None:
        """Let ``frames`` pass with no button held; ``draw`` draws the last of them."""

    @abstractmethod
    def screen(self) -> NDArray[np.uint8]:
        """The frame drawn last: height x width x RGB, an array of the caller's own."""

    @abstractmethod
    def read(self, address: int, count: int = 1) -> bytes:
        """``count`` bytes of memory from ``address``, as the game's processor would read them."""

    @abstractmethod
    def write(self, address: int, data: bytes) -> None:
        """Change the memory from ``address`` on."""

    @abstractmethod
    def save_state(self) -> bytes:
        """Everything the machine is, in the emulator's own format."""

    @abstractmethod
    def load_state(self, state: bytes) -> None:
        """Become what ``save_state`` of the same kind of emulator and the same ROM returned."""

    @abstractmethod
    def close(self) -> None:
        """Switch off; may be called twice."""

    def version(self) -> str:
        """The kind of emulator, with its version where it tells one."""
        return self.name

    def run_until(self, address: int, value: int, *, at_most: int) -> int | None:
        """Let frames pass until the byte at ``address`` is ``value``; the number of them.

        None when it was not so within ``at_most`` frames, which have passed then. Draws nothing.
        """
        for passed in range(at_most + 1):
            if self.read(address)[0] == value:
                return passed
            if passed < at_most:
                self.run(1, draw=False)
        return None

    def __enter__(self) -> Emulator:
        """Nothing to open: ``load`` does."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch off."""
        self.close()


def check_buttons(buttons: Iterable[str]) -> list[str]:
    """``buttons`` as a list, or EmulatorError naming the first that a Game Boy does not have."""
    held = list(buttons)
    for button in held:
        if button not in BUTTONS:
            raise EmulatorError(
                f"a Game Boy has no button {button!r}; its buttons are {', '.join(BUTTONS)}"
            )
    return held


def read_rom(rom: Path) -> bytes:
    """The ROM's bytes, or EmulatorError when there is none or it is too short to be one."""
    try:
        data = rom.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise EmulatorError(
            f"the ROM {rom} cannot be read ({reason}); put the file there or name another"
        ) from error
    if len(data) < 0x8000:
        raise EmulatorError(
            f"{rom} is no Game Boy ROM: it has {len(data)} bytes and the smallest has 32768"
        )
    return data
