"""The player that presses whatever comes: the floor that every other player has to rise above.

It never reports: a report ends its task, and one made of nothing says nothing about the game. So a
report task that it plays runs into its step limit. In a game in words it says some of the words
that it reads.
"""

from __future__ import annotations

import random

from understudy.errors import PlayerError
from understudy.games.game import REPORT, SAY, Action
from understudy.players.player import Decision, Player, Situation, View
from understudy.players.registry import PlayerSettings

_WORDS = 5


class RandomPlayer(Player):
    """Every action but ``report``, each as likely as the others.

    The seed of the settings and that of the session together decide what it does, so that the same
    session comes out again, however many it played before.
    """

    name = "random"

    def __init__(self, settings: PlayerSettings) -> None:
        self._seed = settings.seed
        self._actions: tuple[str, ...] = ()
        self._random = random.Random()

    def begin(self, situation: Situation) -> None:
        """PlayerError for a game in which there is nothing to do but to report."""
        self._actions = tuple(name for name in situation.game.action_names if name != REPORT)
        if not self._actions:
            raise PlayerError(
                f"{situation.game.name} has no action beside {REPORT!r}, which the player "
                f"{self.name!r} never takes; choose another player"
            )
        self._random = random.Random(f"{self._seed} {situation.seed}")

    def decide(self, view: View) -> Decision:
        """Any action at all."""
        name = self._random.choice(self._actions)
        if name != SAY:
            return Decision(Action(name))
        words = view.observation.split() or ["hm"]
        return Decision(Action(SAY, " ".join(self._random.choices(words, k=_WORDS))))
