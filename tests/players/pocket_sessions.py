"""Plays `pocket` with the script and nothing around it: no recording, no budget but a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from understudy.config import Settings
from understudy.games.game import Game
from understudy.players.player import Decision, Situation
from understudy.players.registry import PlayerSettings
from understudy.players.script import ScriptPlayer


@dataclass
class Course:
    """What was decided, one after the other, and whether it led to the goal."""

    success: bool = False
    decisions: list[Decision] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        return [str(decision.action) for decision in self.decisions]


def script(mistakes: float = 0.0, seed: int = 0) -> ScriptPlayer:
    return ScriptPlayer(PlayerSettings(settings=Settings(), mistakes=mistakes, seed=seed))


def situation(game: Any, task: Any, seed: int = 1, words: str = "") -> Situation:
    """The script looks at neither the session nor the memory database."""
    nothing: Any = None
    return Situation(
        game=game, words=words, task=task, seed=seed, max_steps=999, session=nothing, memory=nothing
    )


def solve(
    game: Game, player: ScriptPlayer, id: str, seed: int, limit: int, first: tuple[str, ...] = ()
) -> Course:
    """Play the task from its start, ``first`` these actions, then what the player says."""
    task = game.find_task(id)
    game.reset(seed=seed, options={"task": id})
    course = Course()
    for action in first:
        _, _, over, _, info = game.step(action)
        if over:
            course.success = info["success"]
            return course
    view: Any = None
    player.begin(situation(game, task, seed))
    for _ in range(limit):
        decision = player.decide(view)
        course.decisions.append(decision)
        _, _, over, _, info = game.step(decision.action)
        assert info["settled"]
        if over:
            course.success = info["success"]
            break
    player.end()
    return course
