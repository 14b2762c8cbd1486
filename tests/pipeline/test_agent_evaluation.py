"""Measuring players: the same starts for all, sessions that leave no trace, and real models."""

from __future__ import annotations

import json

import pytest
from tests.pipeline.model_shop import roomy_base

import understudy
from understudy.cli.main import main
from understudy.errors import ModelError, UsageError
from understudy.pipeline.agent_evaluation import (
    LEARNED,
    NOT_LEARNED,
    TAG,
    PlayPlan,
    evaluate_players,
)

pytestmark = pytest.mark.slow

TASKS = ("open-start-menu", "open-bag", "report-potions", "buy-potion")


def plan(**changes: object) -> PlayPlan:
    given = {"game": "pocket", "tasks": TASKS, "episodes": 8, "stumbles": 2} | changes
    return PlayPlan(**given)  # type: ignore[arg-type]


def test_the_script_does_what_chance_does_not(ws: understudy.Workspace) -> None:
    script, chance = evaluate_players(ws, ["script", "random"], plan(episodes=12))
    assert script.success_rate == 1.0
    assert chance.success_rate < 0.5
    assert (script.tasks, script.episodes) == (4, 12)
    assert script.by_task == dict.fromkeys(TASKS, (3, 3))
    assert script.model is None
    assert script.parts == {}  # no model that has learned anything is among them


def test_every_player_gets_the_same_starts(ws: understudy.Workspace) -> None:
    results = evaluate_players(ws, ["script", "random"], plan())
    starts = [[(one.task, one.seed) for one in result.played] for result in results]
    assert starts[0] == starts[1]
    assert results[0].void == results[1].void


def test_a_start_at_which_chance_has_done_the_task_does_not_count(
    ws: understudy.Workspace,
) -> None:
    (result,) = evaluate_players(
        ws, ["script"], plan(tasks=("open-start-menu",), episodes=30, stumbles=4)
    )
    assert result.void > 0
    assert result.episodes == 30
    assert all(one.steps > 4 for one in result.played)


def test_without_chance_the_same_start_is_played_the_same_way(ws: understudy.Workspace) -> None:
    (result,) = evaluate_players(ws, ["script"], plan(episodes=40, stumbles=0))
    assert result.all.distinct == len(TASKS)
    low, _ = result.success_rate_ci
    assert low < 0.6  # of four observations, whatever the number of episodes


def test_what_was_played_is_thrown_away_unless_it_is_to_be_kept(ws: understudy.Workspace) -> None:
    evaluate_players(ws, ["script"], plan(episodes=2))
    assert ws.rows() == []
    evaluate_players(ws, ["script"], plan(episodes=2, stumbles=0), keep_sessions=True)
    assert [row.tags for row in ws.rows()] == [[TAG], [TAG]]


@pytest.mark.parametrize(
    ("names", "changes", "error", "message"),
    [
        (["script"], {"tasks": ("open-bag", "nothing")}, UsageError, "no task 'nothing'"),
        (["human"], {}, UsageError, "nobody sits at an evaluation"),
        (["nobody"], {}, ModelError, "nobody"),
        ([], {}, UsageError, "no player is named"),
        (["script"], {"episodes": 0}, UsageError, "1 episode or more"),
    ],
)
def test_what_cannot_be_measured_is_refused(ws, names, changes, error, message) -> None:
    with pytest.raises(error, match=message):
        evaluate_players(ws, names, plan(**changes))


def test_the_command_tells_one_player_as_one_object(
    ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "script", "--game", "pocket", "--tasks", ",".join(TASKS)]
    arguments += ["--episodes", "4", "--seed", "5", "--json", "-w", str(ws.path)]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["player"] == "script"
    assert (told["game"], told["episodes"], told["seed"], told["tasks"]) == ("pocket", 4, 5, 4)
    assert told["success_rate"] == 1.0
    low, high = told["success_rate_ci"]
    assert 0 < low < high <= 1


def test_the_command_tells_several_players_in_one_table(
    ws: understudy.Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "random", "script", "--game", "pocket", "--tasks", ",".join(TASKS)]
    assert main([*arguments, "--episodes", "8", "--stumbles", "1", "-w", str(ws.path)]) == 0
    out = capsys.readouterr().out
    assert "script" in out
    assert "100.0%" in out
    assert "script against random: +" in out
    assert out.rstrip().endswith("better")


def test_weights_that_learned_nothing_of_the_game_play_through_a_real_server(
    ws: understudy.Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = roomy_base(tmp_path_factory)
    few = plan(tasks=("open-start-menu",), episodes=2, steps=3)
    (result,) = evaluate_players(ws, [str(base)], few)
    assert (result.player, result.weights) == (str(base), "f16")
    assert result.episodes == 2
    assert {LEARNED, NOT_LEARNED} & result.parts.keys() == set()
