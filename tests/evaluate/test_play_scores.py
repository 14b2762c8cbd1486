"""What counts when play is measured: tasks done, and no episode twice."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.evaluate.intervals import wilson
from understudy.evaluate.playing import Episode, PlayResult, by_task, difference, score


def episode(task: str, seed: int, success: bool, way: str = "", **more: Any) -> Episode:
    return Episode(
        task=task, seed=seed, success=success, steps=4, way=way or f"{task}{seed}{success}", **more
    )


def result(player: str, *played: Episode) -> PlayResult:
    found = score(played)
    assert found is not None
    return PlayResult(
        player=player,
        model=None,
        weights="",
        game="pocket",
        episodes=len(played),
        seed=1,
        stumbles=0,
        tasks=found.tasks,
        success_rate=found.success_rate,
        success_rate_ci=found.success_rate_ci,
        all=found,
        parts={},
        by_task=by_task(played),
        void=0,
        seconds=1.0,
        played=list(played),
    )


def test_the_rate_is_told_with_wilsons_interval() -> None:
    found = score([episode("a", seed, seed < 3) for seed in range(4)])
    assert found is not None
    assert found.success_rate == 0.75
    assert found.success_rate_ci == pytest.approx(wilson(0.75, 4))
    assert (found.episodes, found.tasks, found.distinct) == (4, 1, 4)


def test_episodes_that_went_alike_are_one_observation() -> None:
    alike = [episode("a", seed, True, way="same") for seed in range(50)]
    found = score([*alike, episode("b", 1, False)])
    assert found is not None
    assert found.distinct == 2
    assert found.success_rate == pytest.approx(50 / 51)
    assert found.success_rate_ci == pytest.approx(wilson(50 / 51, 2))


def test_the_same_way_in_another_task_is_another_observation() -> None:
    found = score([episode("a", 1, True, way="same"), episode("b", 1, True, way="same")])
    assert found is not None
    assert (found.tasks, found.distinct) == (2, 2)


def test_steps_that_no_answer_could_be_played_in_are_a_share_of_all_steps() -> None:
    found = score([episode("a", 1, False, refused=3), episode("a", 2, False, refused=1)])
    assert found is not None
    assert (found.refused, found.mean_steps) == (0.5, 4.0)


def test_of_nothing_there_is_no_score() -> None:
    assert score([]) is None


def test_each_task_has_its_own_count() -> None:
    played = [episode("a", 1, True), episode("a", 2, False), episode("b", 1, True)]
    assert by_task(played) == {"a": (1, 2), "b": (1, 1)}


def test_two_players_are_compared_on_the_starts_that_both_had() -> None:
    before = result("base", *(episode("a", seed, False) for seed in range(30)))
    after = result("tuned", *(episode("a", seed, True) for seed in range(10, 40)))
    found = difference(before, after)
    assert found is not None
    assert (found.cases, found.value, found.verdict) == (20, 1.0, "better")


def test_players_without_a_common_start_cannot_be_compared() -> None:
    assert (
        difference(result("x", episode("a", 1, True)), result("y", episode("a", 2, True))) is None
    )
