"""Finding a game by its name, or by the path of the TOML of one's own ROM.

Games register under the entry points ``understudy.games``, the built-in ones as well as those of
plug-ins: each is the ``pathlib.Path`` of a TOML file, or something that makes a ``Game`` when it is
called with ``settings`` (the section ``[games]``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from understudy import plugins
from understudy.config import GamesSettings
from understudy.errors import GameError, PluginError

if TYPE_CHECKING:
    from understudy.games.game import Game


def game_names() -> list[str]:
    """The names of the registered games, sorted; imports none of them."""
    return plugins.names(plugins.GAMES)


def located(name: str, folder: Path | None = None) -> str:
    """``name`` as it can be opened from anywhere: a path becomes absolute.

    A relative one starts in ``folder``, else in the current directory.
    """
    return str(((folder or Path()) / name).absolute()) if _is_path(name) else name


def open_game(name: str | Path, *, settings: GamesSettings | None = None) -> Game:
    """The game called ``name``, or the one whose TOML file lies at ``name``; to be closed.

    A name with a slash or with the ending ``.toml`` is a path. Raises GameError when there is no
    such game or its file is wrong, PluginError when a plug-in does not keep its contract, and
    EmulatorError when the emulator of ``settings`` cannot be used.
    """
    settings = settings or GamesSettings()
    if isinstance(name, Path) or _is_path(name):
        return _rom_game(Path(name), settings)
    known = game_names()
    if name not in known:
        raise GameError(
            f"there is no game {name!r}; there is: {', '.join(known) or 'none'}; a ROM of your own "
            "is named by the path of its TOML file"
        )
    found = plugins.load_one(plugins.GAMES, name)
    if isinstance(found, Path):
        return _rom_game(found, settings)
    from understudy.games.game import Game

    if not callable(found):
        raise PluginError(
            f"the plug-in {name!r} of {plugins.GAMES} is no game: it must be the Path of a TOML "
            "file, or make a Game when called with `settings`"
        )
    game = found(settings=settings)
    if not isinstance(game, Game):
        raise PluginError(
            f"the plug-in {name!r} of {plugins.GAMES} made {type(game).__name__}, which is no "
            "understudy.games.game.Game"
        )
    return game


def is_open(name: str) -> bool:
    """Whether the game called ``name`` can be played without a task; opens none on a ROM."""
    if _is_path(name) or name not in game_names():
        return False
    found = plugins.load_one(plugins.GAMES, name)
    return bool(getattr(found, "open_words", ""))


def _is_path(name: str) -> bool:
    return name.endswith(".toml") or "/" in name or "\\" in name


def _rom_game(path: Path, settings: GamesSettings) -> Game:
    from understudy.games.rom_game import RomGame

    return RomGame(path, settings=settings)
