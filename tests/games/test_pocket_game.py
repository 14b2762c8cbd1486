"""`pocket` as a game: many different tasks, each of which has to be done to be passed."""

from __future__ import annotations

import importlib.util
import random
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from understudy.games.builtin.pocket import GAME_FILE
from understudy.games.checker import check_game
from understudy.games.game import Action, Game
from understudy.games.registry import open_game

ROOT = Path(__file__).parents[2]
WAYS = {
    "open-start-menu": ["press_start"],
    "open-bag": ["press_start", "press_a"],
    "report-potions": ["press_start", "press_a", "report I have 3 potions"],
    "open-party": ["press_start", "press_down", "press_a"],
    "save-the-game": ["press_start", *["press_up"] * 2, "press_a", "press_a"],
    "check-healing-items": [
        *("press_start", "press_a", "press_up"),
        "report 3 Potions, 2 Super Potions, an Antidote and a Revive",
    ],
    "run-away": ["press_down", "press_right", "press_a"],
}


@pytest.fixture(scope="module")
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


@pytest.mark.slow
def test_the_checker_finds_nothing_wrong(pocket: Game) -> None:
    check_game(pocket)


def test_there_are_many_tasks_of_many_kinds_and_no_two_ask_the_same(pocket: Game) -> None:
    assert len(pocket.tasks) >= 100
    assert len({task.group for task in pocket.tasks}) >= 10
    assert len({task.words for task in pocket.tasks}) == len(pocket.tasks)
    assert len({(task.start, task.check.words()) for task in pocket.tasks}) == len(pocket.tasks)
    assert {task.difficulty for task in pocket.tasks} == {1, 2, 3, 4, 5}
    assert min(task.reference_steps for task in pocket.tasks) == 1
    assert max(task.reference_steps for task in pocket.tasks) >= 60


def test_every_task_says_what_it_is_about(pocket: Game) -> None:
    assert all(task.goal for task in pocket.tasks)
    goals = {task.group: task.goal for task in pocket.tasks}
    assert goals["bag"] == "Inventory analysis and reporting"


@pytest.mark.parametrize(("task", "way"), WAYS.items())
def test_tasks_can_be_done_with_the_buttons_in_as_many_steps_as_they_say(
    pocket: Game, task: str, way: list[str]
) -> None:
    assert play(pocket, task, way)
    assert pocket.find_task(task).reference_steps == len(way)


@pytest.mark.parametrize(
    "report",
    [
        "3 potions, 2 super potions and 1 antidote",  # the revive is missing
        "3 potions, 2 super potions, 1 antidote and 2 revives",
        "3 potions, 2 super potions, 1 antidote, 1 revive and a wake herb",
    ],
)
def test_a_report_that_is_not_true_is_no_success(pocket: Game, report: str) -> None:
    way = WAYS["check-healing-items"][:-1]
    assert not play(pocket, "check-healing-items", [*way, f"report {report}"])


@pytest.mark.slow
def test_a_report_without_a_look_is_no_success_whatever_it_says(pocket: Game) -> None:
    for task in pocket.tasks:
        if task.kind == "report":
            pocket.reset(seed=1, options={"task": task.id})
            everything = " ".join(str(value) for value in pocket.memory().values())
            pocket.step("wait")
            pocket.step(Action("report", everything))
            assert not pocket.check().success, task.id


def test_half_of_the_bag_is_not_enough_to_report_on_all_of_it(pocket: Game) -> None:
    way = [step for step in WAYS["check-healing-items"] if step != "press_up"]
    assert not play(pocket, "check-healing-items", way)


@pytest.mark.slow
def test_pressing_at_random_passes_only_what_takes_a_few_buttons(pocket: Game) -> None:
    buttons = [name for name in pocket.action_names if name != "report"]
    passed = set()
    for task in pocket.tasks:
        for seed in range(3):
            chance = random.Random(seed)
            pocket.reset(seed=seed, options={"task": task.id})
            over = False
            for _ in range(2 * task.reference_steps):
                if not over:
                    _, reward, over, _, _ = pocket.step(chance.choice(buttons))
                    passed |= {task.reference_steps} if reward else set()
    assert max(passed) <= 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_the_leader_is_not_beaten_by_whoever_only_presses_a(pocket: Game, seed: int) -> None:
    pocket.reset(seed=seed, options={"task": "battle-gym-leader"})
    for _ in range(5):
        pocket.step("press_up")
    memory = pocket.memory()
    while not memory["battles_lost"]:
        standing = [n for n, one in enumerate(memory["team"]) if one["hp"]]
        if memory["mode"] == "party" and memory["cursor"] not in standing:
            pocket.step("press_down")
        else:
            _, _, over, _, _ = pocket.step("press_a")
            assert not over
        memory = pocket.memory()


def test_every_start_is_the_start_of_a_task_or_leads_to_one(pocket: Game) -> None:
    told = tomllib.loads(GAME_FILE.read_text(encoding="utf-8"))
    used = {task.start for task in pocket.tasks}
    used |= {start.get("from", "") for start in told["starts"].values()}
    assert set(told["starts"]) <= used


@pytest.mark.slow
def test_the_creatures_of_every_start_are_those_that_the_game_itself_makes(pocket: Game) -> None:
    rules = tomllib.loads((ROOT / "games/pocket/content/rules.toml").read_text(encoding="utf-8"))
    species = {one["id"]: one for one in rules["species"]}
    moves = {one["id"]: one for one in rules["moves"]}
    for start in {task.start for task in pocket.tasks}:
        pocket.reset(seed=1, options={"start": start, "task": None})
        for one in pocket.memory()["team"]:
            level, known = one["level"], species[one["species"]]
            hp, *others = known["stats"]
            assert one["max_hp"] == hp * level // 50 + level + 10
            stats = [one["attack"], one["defense"], one["speed"]]
            assert stats == [base * level // 50 + 5 for base in others]
            learned = [move for move, at in known["moves"] if at <= level]
            assert one["moves"] == [*learned, *["none"] * (4 - len(learned))]
            most = [moves[move]["pp"] for move in learned]
            assert all(left <= full for left, full in zip(one["pp"], most, strict=False))
            assert level**3 <= one["exp"] < (level + 1) ** 3


def test_the_page_of_the_tasks_says_what_the_game_says() -> None:
    """`make docs` writes it again."""
    where = ROOT / "docs" / "pocket_tasks.py"
    spec = importlib.util.spec_from_file_location("docs_pocket_tasks", where)
    assert spec
    assert spec.loader
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    assert writer.PAGE.read_text(encoding="utf-8") == writer.page()


def test_the_same_seed_and_buttons_give_the_same_screens(pocket: Game) -> None:
    screens = []
    for _ in range(2):
        pocket.reset(seed=11, options={"start": "new-game", "task": None})
        for action in ["press_left", "press_down", "press_start", "press_b", "wait"] * 4:
            pocket.step(action)
        screens.append(pocket.screenshot())
    assert np.array_equal(*screens)
