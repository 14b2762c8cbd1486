"""The player that follows a script: it knows the game, and is the source of good demonstrations.

A script belongs to one game. It is found under the entry points ``understudy.scripts`` by the
game's name, so that a stranger's game can bring its own; docs/howto/plugins.md says how.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from understudy import plugins
from understudy.errors import PlayerError, PluginError
from understudy.games.game import REPORT, Action, Game
from understudy.games.task import Task
from understudy.players.player import Decision, Player, Situation, View
from understudy.players.registry import PlayerSettings


@dataclass(frozen=True)
class Move:
    """What a script does next, and why, in words that a model can learn from."""

    action: Action
    reasoning: str
    expected_outcome: str


class GameScript(ABC):
    """Base of every script: how the tasks of one game are done.

    Registered under ``understudy.scripts`` by the name of its game.
    """

    def __init__(self, game: Game, task: Task) -> None:
        """The script for one session of ``task``; PlayerError when it has no way for that task."""
        self.game = game
        self.task = task

    @abstractmethod
    def next_move(self, memory: Mapping[str, Any]) -> Move:
        """The next move, by the named memory as it is now and by nothing else.

        A script that looks at nothing but the moment finds its way back from its own mistakes,
        from whatever the game puts in the way, and from any step that somebody else left off at.
        """

    def slip(self, memory: Mapping[str, Any], right: Move, chance: random.Random) -> Move:
        """What somebody might do instead of ``right`` who is a little confused; never a report.

        It is drawn from ``chance`` alone. Scripts have better words for it than this one.
        """
        names = [name for name in self.game.action_names if name not in (REPORT, right.action.name)]
        name = chance.choice(names or [right.action.name])
        return Move(
            Action(name),
            f"It is not clear to me what helps here; perhaps {name} does.",
            "Something on the screen changes.",
        )


class ScriptPlayer(Player):
    """Plays the game's own tasks by its script, with deliberate mistakes where they are wanted.

    ``settings.mistakes`` is the share of decisions that are wrong on purpose; each of them has
    ``mistake`` among its facts. Which ones they are is decided by the seed of the settings and
    that of the session.
    """

    name = "script"

    def __init__(self, settings: PlayerSettings) -> None:
        """PlayerError when the rate of mistakes is none."""
        if not 0 <= settings.mistakes <= 1:
            raise PlayerError(
                f"a rate of mistakes of {settings.mistakes} makes no sense; it goes from 0 to 1"
            )
        self._mistakes = settings.mistakes
        self._seed = settings.seed
        self._chance = random.Random()
        self._game: Game | None = None
        self._script: GameScript | None = None

    def begin(self, situation: Situation) -> None:
        """PlayerError when there is no script for the game, or none for what is asked."""
        game, task = situation.game, situation.task
        known = plugins.names(plugins.SCRIPTS)
        if game.name not in known:
            raise PlayerError(
                f"there is no script for the game {game.name!r}, only for "
                f"{', '.join(known) or 'no game at all'}; choose another player, or register a "
                f"script for it under {plugins.SCRIPTS}"
            )
        if task is None:
            raise PlayerError(
                f"the script of {game.name!r} plays only the game's own tasks, and "
                f"{situation.words!r} is none of them; ask for one of those, or choose another "
                "player"
            )
        made: Any = plugins.load_one(plugins.SCRIPTS, game.name)
        script = made(game, task)
        if not isinstance(script, GameScript):
            raise PluginError(
                f"the plug-in {game.name!r} of {plugins.SCRIPTS} made {type(script).__name__}, "
                "which is no understudy.players.script.GameScript"
            )
        self._game, self._script = game, script
        self._chance = random.Random(f"{self._seed} {situation.seed}")

    def decide(self, view: View) -> Decision:
        """The script's next move, or a mistake in its place."""
        game, script = self._game, self._script
        if game is None or script is None:
            raise PlayerError("the script was asked before its session began; call `begin` first")
        memory = game.memory()
        move = script.next_move(memory)
        if self._chance.random() >= self._mistakes:
            return Decision(move.action, move.reasoning, move.expected_outcome)
        wrong = script.slip(memory, move, self._chance)
        return Decision(
            wrong.action, wrong.reasoning, wrong.expected_outcome, facts={"mistake": True}
        )

    def end(self) -> None:
        """Forget the game."""
        self._game = self._script = None
