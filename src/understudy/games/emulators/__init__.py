"""The emulators a ROM can run on, chosen by the setting ``games.emulator``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy.games.emulators.emulator import BUTTONS, Emulator

if TYPE_CHECKING:
    from understudy.config import GamesSettings

__all__ = ["BUTTONS", "Emulator", "open_emulator"]


def open_emulator(rom: Path, settings: GamesSettings | None = None) -> Emulator:
    """The emulator that ``settings`` name (PyBoy without any), with ``rom`` switched on.

    Raises EmulatorError when it is not installed, not reachable, or cannot run the ROM.
    """
    emulator = _make(settings)
    try:
        emulator.load(rom)
    except BaseException:
        emulator.close()
        raise
    return emulator


def _make(settings: GamesSettings | None) -> Emulator:
    if settings is not None and settings.emulator == "skyemu":
        from understudy.games.emulators.skyemu import SkyEmuEmulator

        return SkyEmuEmulator(settings.skyemu_url)
    from understudy.games.emulators.pyboy import PyBoyEmulator

    return PyBoyEmulator()
