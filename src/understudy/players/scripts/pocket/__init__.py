"""The script of `pocket`: it plays every task of the game from its memory and its map.

`plans` is the table of what each task is; a plan is made of `goals`, which look at the moment
alone. Goals of one kind share a module: `looking`, `walking`, `bag`, `shop`, `battles`.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from understudy.errors import PlayerError
from understudy.games.game import Game
from understudy.games.task import Task
from understudy.players.script import GameScript, Move
from understudy.players.scripts.pocket.goals import press
from understudy.players.scripts.pocket.now import Now
from understudy.players.scripts.pocket.plans import plans
from understudy.players.scripts.pocket.screens import go_back
from understudy.players.scripts.pocket.slips import slip


class PocketScript(GameScript):
    """Solves the shipped tasks of `pocket`."""

    def __init__(self, game: Game, task: Task) -> None:
        """PlayerError for a task that it has no plan for."""
        super().__init__(game, task)
        goal = plans().get(task.id)
        if goal is None:
            raise PlayerError(
                f"the script of {game.name!r} has no plan for the task {task.id!r}; choose another "
                "player, or one of the tasks that come with the game"
            )
        self._goal = goal

    def next_move(self, memory: Mapping[str, Any]) -> Move:
        """What the plan says; the button that goes back where it has nothing left to do."""
        now = Now(memory)
        move = self._goal.next(now)
        if move is not None:
            return move
        if now.mode == "map":
            return press("b", "Everything is done that was asked.", "Nothing changes any more.")
        return go_back(now, "finish")

    def slip(self, memory: Mapping[str, Any], right: Move, chance: random.Random) -> Move:
        """A mistake that fits the screen."""
        return slip(Now(memory), right, chance)
