"""What can be done in the games of a dataset, where those games are installed."""

from __future__ import annotations

from collections.abc import Iterable

from understudy.config import GamesSettings
from understudy.errors import UnderstudyError


def known_actions(games: Iterable[str], settings: GamesSettings) -> dict[str, tuple[str, ...]]:
    """By game, the names of its actions; a game that cannot be opened here is passed over."""
    from understudy.games.registry import game_names, open_game

    found = {}
    for name in set(games) & set(game_names()):
        try:
            game = open_game(name, settings=settings)
        except UnderstudyError:
            continue
        found[name] = game.action_names
        game.close()
    return found
