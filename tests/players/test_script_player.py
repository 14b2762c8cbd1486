"""The player that follows a script: whose script it is, and what its mistakes are."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.players.pocket_sessions import script, situation, solve

from understudy.config import Settings
from understudy.errors import PlayerError, PluginError
from understudy.games.game import Action, Game
from understudy.games.registry import open_game
from understudy.games.task import Task
from understudy.players.registry import PlayerSettings, make_player, player_names
from understudy.players.script import GameScript, Move, ScriptPlayer

TASK = Task(id="knock", words="knock at the door", group="doors", reference_steps=1)


@pytest.fixture(scope="module")
def pocket() -> Iterator[Game]:
    game = open_game("pocket")
    yield game
    game.close()


def garden() -> Any:
    """As much of a game as the player looks at."""
    return SimpleNamespace(
        name="garden", action_names=("knock", "wait", "report"), memory=lambda: {"door": "shut"}
    )


def install(site: Path, module: str, code: str) -> None:
    """Lay down a package with a script for the game `garden`, as pip would."""
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[understudy.scripts]\ngarden = {module}:Script\n")
    (site / f"{module}.py").write_text(code)


def test_it_is_found_by_its_name() -> None:
    assert "script" in player_names()
    made = make_player("script", PlayerSettings(settings=Settings()))
    assert isinstance(made, ScriptPlayer)


def test_a_game_without_a_script_is_refused_with_what_to_do() -> None:
    with pytest.raises(PlayerError, match=r"no script for the game 'garden', only for .*pocket.*;"):
        script().begin(situation(garden(), TASK))


def test_a_request_that_is_no_task_is_refused(pocket: Game) -> None:
    with pytest.raises(PlayerError, match="'dance on the table' is none of them"):
        script().begin(situation(pocket, None, words="dance on the table"))


def test_a_task_that_the_script_has_no_plan_for_is_refused(pocket: Game) -> None:
    with pytest.raises(PlayerError, match="'pocket' has no plan for the task 'knock'"):
        script().begin(situation(pocket, TASK))


@pytest.mark.parametrize("rate", [-0.1, 1.5])
def test_a_rate_of_mistakes_is_between_none_and_all(rate: float) -> None:
    with pytest.raises(PlayerError, match="from 0 to 1"):
        script(mistakes=rate)


def test_nothing_is_decided_before_a_session_begins() -> None:
    view: Any = None
    with pytest.raises(PlayerError, match="call `begin` first"):
        script().decide(view)


def test_without_mistakes_no_decision_is_marked_as_one(pocket: Game) -> None:
    course = solve(pocket, script(), "open-party", seed=1, limit=9)
    assert all(not decision.facts for decision in course.decisions)


@pytest.mark.slow
def test_the_same_seeds_give_the_same_mistakes_whatever_was_played_before(pocket: Game) -> None:
    one, other = script(0.5, seed=4), script(0.5, seed=4)
    solve(pocket, other, "open-bag", seed=1, limit=30)
    actions = [solve(pocket, player, "list-bag", 2, 60).actions for player in (one, other)]
    assert actions[0] == actions[1]


@pytest.mark.slow
def test_another_seed_gives_other_mistakes(pocket: Game) -> None:
    courses = [
        solve(pocket, script(0.5, seed=seed), "list-bag", session, 60).actions
        for seed, session in ((0, 1), (1, 1), (0, 2))
    ]
    assert courses[0] != courses[1]
    assert courses[0] != courses[2]


def test_a_mistake_is_marked_is_another_button_and_is_never_a_report(pocket: Game) -> None:
    course = solve(pocket, script(1.0), "report-potions", seed=1, limit=80)
    assert not course.success
    assert all(decision.facts == {"mistake": True} for decision in course.decisions)
    assert all(decision.action.name.startswith("press_") for decision in course.decisions)
    assert all(decision.reasoning and decision.expected_outcome for decision in course.decisions)


def test_a_strangers_game_brings_its_script_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """
from understudy.games.game import Action
from understudy.players.script import GameScript, Move

class Script(GameScript):
    def next_move(self, memory):
        return Move(Action("knock"), f"The door is {memory['door']}, so knock.", "It opens.")
"""
    install(tmp_path, "garden_scripts", code)
    monkeypatch.syspath_prepend(tmp_path)
    view: Any = None
    player = script()
    player.begin(situation(garden(), TASK))
    decision = player.decide(view)
    assert (str(decision.action), decision.reasoning) == ("knock", "The door is shut, so knock.")


def test_a_plug_in_that_makes_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "garden_nothing", "def Script(game, task):\n    return 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match="made int, which is no understudy"):
        script().begin(situation(garden(), TASK))


class Knocking(GameScript):
    """A script without words for mistakes of its own."""

    def next_move(self, memory: Mapping[str, Any]) -> Move:
        return Move(Action("knock"), "Knock.", "It opens.")


def test_a_script_makes_plausible_mistakes_without_doing_anything_for_it() -> None:
    knocking = Knocking(garden(), TASK)
    slips = {knocking.slip({}, knocking.next_move({}), random.Random(n)).action for n in range(9)}
    assert slips == {Action("wait")}
