"""`pocket` as a game: its tasks can be done with buttons, and the checker finds nothing wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from understudy.games.checker import check_game
from understudy.games.game import Action, Game
from understudy.games.registry import open_game

WAYS = {
    "open-start-menu": ["press_start"],
    "open-bag": ["press_start", "press_a"],
    "report-potions": ["press_start", "press_a", "report I have 3 potions"],
    "open-party": ["press_start", "press_down", "press_a"],
    "save-the-game": ["press_start", *["press_down"] * 3, "press_a", "press_a"],
}


@pytest.fixture
def pocket() -> Iterator[Game]:
    game = open_game("pocket")
    yield game
    game.close()


def play(game: Game, task: str, actions: list[str]) -> bool:
    game.reset(seed=3, options={"task": task})
    for action in actions:
        name, _, text = action.partition(" ")
        game.step(Action(name, text))
    return game.check().success


def test_the_checker_finds_nothing_wrong(pocket: Game) -> None:
    check_game(pocket)


def test_every_task_has_a_way_and_a_reference_of_its_length(pocket: Game) -> None:
    assert {task.id for task in pocket.tasks} == set(WAYS)
    for task in pocket.tasks:
        assert play(pocket, task.id, WAYS[task.id]), task.id
        assert task.reference_steps == len(WAYS[task.id])


def test_a_wrong_report_and_one_without_a_look_are_no_success(pocket: Game) -> None:
    assert not play(pocket, "report-potions", ["press_start", "press_a", "report I have 7 potions"])
    assert not play(pocket, "report-potions", ["report I have 3 potions"])


def test_the_same_seed_and_buttons_give_the_same_screens(pocket: Game) -> None:
    screens = []
    for _ in range(2):
        pocket.reset(seed=11)
        for action in ["press_left", "press_down", "press_start", "press_b", "wait"] * 4:
            pocket.step(action)
        screens.append(pocket.screenshot())
    assert np.array_equal(*screens)
