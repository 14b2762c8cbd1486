"""Finding a player by its name: the entry points ``understudy.players``.

Each is something that makes a `Player` when it is called with `PlayerSettings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy import plugins
from understudy.config import Settings
from understudy.errors import PluginError, UsageError
from understudy.players.player import Player


@dataclass(frozen=True)
class PlayerSettings:
    """What a player is made with; each kind looks at what concerns it."""

    settings: Settings
    """The workspace's settings."""
    folder: Path | None = None
    """Where a player may keep files of its own between sessions (caches); None: nowhere."""
    prompts: Path | None = None
    """Where prompt files of one's own may lie; None: nowhere."""
    model: str | None = None
    mistakes: float = 0.0
    """Rate of deliberate mistakes, 0 to 1."""
    seed: int = 0
    """For whatever a player draws at random, the same every time."""


def player_names() -> list[str]:
    """The names of the registered players, sorted; imports none of them."""
    return plugins.names(plugins.PLAYERS)


def make_player(name: str, settings: PlayerSettings) -> Player:
    """The player called ``name``; to be closed.

    Raises UsageError when there is none, PluginError when a plug-in does not keep its contract,
    and PlayerError when it cannot play with these settings.
    """
    known = player_names()
    if name not in known:
        raise UsageError(f"there is no player {name!r}; choose one of {', '.join(known)}")
    maker: Any = plugins.load_one(plugins.PLAYERS, name)
    made = maker(settings)
    if not isinstance(made, Player):
        raise PluginError(
            f"the plug-in {name!r} of {plugins.PLAYERS} made {type(made).__name__}, which is no "
            "understudy.players.player.Player"
        )
    return made
