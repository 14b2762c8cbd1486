"""A player that stumbles into its session: chance takes the first steps, and then another plays.

In a game that begins alike every time, a player that learned one way by heart looks like one that
knows the game. After a few steps that nobody meant, no two sessions begin alike.
"""

from __future__ import annotations

import random
from typing import Any

from understudy.games.game import TEXT_ACTIONS, Action
from understudy.players.player import Decision, Outcome, Player, Situation, View


class StumblingPlayer(Player):
    """``player``, but for the first ``stumbles`` steps of each session.

    These follow from the task and the session's seed alone, whoever plays then. Each has
    ``mistake`` among its facts, and so is nothing to learn from. None of them says anything.
    """

    def __init__(self, player: Player, stumbles: int) -> None:
        self.player = player
        self.name = player.name
        self.model = player.model
        self._stumbles = stumbles
        self._names: tuple[str, ...] = ()
        self._chance = random.Random()

    def begin(self, situation: Situation) -> None:
        """As the player behind it does."""
        names = situation.game.action_names
        self._names = tuple(name for name in names if name not in TEXT_ACTIONS)
        self._chance = random.Random(f"{situation.words} {situation.seed}")
        self.player.begin(situation)

    def decide(self, view: View) -> Decision:
        """Any action at first, then what the player behind it says."""
        if view.step > self._stumbles or not self._names:
            return self.player.decide(view)
        return Decision(Action(self._chance.choice(self._names)), facts={"mistake": True})

    def told(self, outcome: Outcome) -> None:
        self.player.told(outcome)

    def analysis(self) -> dict[str, Any]:
        return self.player.analysis()

    def end(self) -> None:
        self.player.end()

    def close(self) -> None:
        self.player.close()
