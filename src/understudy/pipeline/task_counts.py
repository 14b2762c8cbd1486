"""How many tasks games have, without opening any: the yardstick of how much was covered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from understudy import plugins
from understudy.errors import UnderstudyError


def known_tasks(games: Iterable[str]) -> dict[str, int]:
    """Registered game → number of its tasks, of those of ``games`` that a TOML file describes.

    Games that are made by a program, unknown, or broken are left out: nothing is started or said.
    """
    registered = set(plugins.names(plugins.GAMES))
    found: dict[str, int] = {}
    for name in sorted(set(games) & registered):
        try:
            file = plugins.load_one(plugins.GAMES, name)
            if isinstance(file, Path):
                from understudy.games.rom_file import read_rom_file

                found[name] = len(read_rom_file(file).tasks)
        except UnderstudyError:
            continue
    return found
