"""A stumbling player: chance first, the same for whoever plays then, and never a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from tests.players.pocket_sessions import script, situation

from understudy.games.game import Action, Game
from understudy.games.registry import open_game
from understudy.players.player import Decision, Outcome, Player, Situation, View
from understudy.players.stumbling import StumblingPlayer


@pytest.fixture(scope="module")
def pocket() -> Iterator[Game]:
    with closing(open_game("pocket")) as game:
        yield game


class Noting(Player):
    """Always presses A, and notes what it is told."""

    name = "noting"
    model = "m-1"

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, situation: Situation) -> None:
        self.heard.append("begin")

    def decide(self, view: View) -> Decision:
        self.heard.append(f"decide {view.step}")
        return Decision(Action("press_a"))

    def told(self, outcome: Outcome) -> None:
        self.heard.append(f"told {outcome.step}")

    def analysis(self) -> dict[str, Any]:
        return {"kept": {}}

    def end(self) -> None:
        self.heard.append("end")

    def close(self) -> None:
        self.heard.append("close")


def view(step: int) -> View:
    picture = np.zeros((2, 2, 3), np.uint8)
    return View(step=step, max_steps=9, screenshot=picture, observation="", previous_actions=())


def first_steps(game: Game, task: str, seed: int, player: Player, count: int = 4) -> list[str]:
    stumbling = StumblingPlayer(player, count)
    found = game.find_task(task)
    stumbling.begin(situation(game, found, seed, found.words))
    return [str(stumbling.decide(view(step)).action) for step in range(1, count + 1)]


def test_only_the_first_steps_are_chance_and_they_say_so(pocket: Game) -> None:
    stumbling = StumblingPlayer(Noting(), 2)
    stumbling.begin(situation(pocket, None))
    decisions = [stumbling.decide(view(step)) for step in (1, 2, 3)]
    assert [dict(decision.facts) for decision in decisions] == [
        {"mistake": True},
        {"mistake": True},
        {},
    ]
    assert decisions[2].action == Action("press_a")


def test_whoever_plays_begins_with_the_same_steps(pocket: Game) -> None:
    one = first_steps(pocket, "open-bag", 7, Noting())
    assert first_steps(pocket, "open-bag", 7, script()) == one
    assert first_steps(pocket, "open-bag", 8, Noting()) != one
    assert first_steps(pocket, "open-party", 7, Noting()) != one


def test_chance_never_reports(pocket: Game) -> None:
    taken = first_steps(pocket, "report-potions", 1, Noting(), count=500)
    assert len(set(taken)) == len(pocket.action_names) - 1
    assert "report" not in taken


def test_the_player_behind_it_hears_everything(pocket: Game) -> None:
    noting = Noting()
    stumbling = StumblingPlayer(noting, 1)
    assert (stumbling.name, stumbling.model) == ("noting", "m-1")
    stumbling.begin(situation(pocket, None))
    for step in (1, 2):
        action = stumbling.decide(view(step)).action
        outcome = Outcome(step=step, action=action, effect=True, done=False, success=False)
        stumbling.told(outcome)
    assert stumbling.analysis() == {"kept": {}}
    stumbling.end()
    stumbling.close()
    assert noting.heard == ["begin", "told 1", "decide 2", "told 2", "end", "close"]
