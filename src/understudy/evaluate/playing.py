"""How well players play: the share of tasks they complete, with its interval.

Episodes that went the same way, screen by screen, are one observation however often they were
played: a game that begins alike every time, and a player that always answers alike, bring no news.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import msgspec

from understudy.evaluate.intervals import Difference, paired, rate

SCHEMA = 1


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One task, played once."""

    task: str
    seed: int
    success: bool
    steps: int
    """Those before the player began among them."""
    way: str
    """A hash of every screen and action: equal for episodes that went alike."""
    refused: int = 0
    """Steps that were spent because the model's answer could not be played."""


class PlayScore(msgspec.Struct, frozen=True, kw_only=True):
    """What some episodes came to."""

    episodes: int
    tasks: int
    """How many distinct ones were played."""
    success_rate: float
    success_rate_ci: tuple[float, float]
    """Wilson's 95 % interval."""
    distinct: int
    """Episodes that went different ways: as many observations the interval counts."""
    mean_steps: float
    refused: float
    """The share of steps that were spent because an answer could not be played."""


class PlayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a player's evaluation came to, as `understudy evaluate --json` tells it."""

    schema: int = SCHEMA
    player: str
    """As it was asked for: ``script``, ``random``, ``chat``, ``embedded``, ``agent@v0002``…"""
    model: str | None
    weights: str
    """Which of a model's files played; empty for players that have none."""
    game: str
    episodes: int
    seed: int
    stumbles: int
    tasks: int
    success_rate: float
    success_rate_ci: tuple[float, float]
    all: PlayScore
    parts: dict[str, PlayScore]
    """The same for some of the tasks, by what they have in common."""
    by_task: dict[str, tuple[int, int]]
    """How often each was completed, and of how many."""
    void: int
    """Starts that were not counted, because the task was done before the player began."""
    seconds: float
    played: list[Episode]


def score(episodes: Sequence[Episode]) -> PlayScore | None:
    """What ``episodes`` came to; None of none."""
    found = rate(
        [float(one.success) for one in episodes], [f"{one.task} {one.way}" for one in episodes]
    )
    if found is None:
        return None
    steps = sum(one.steps for one in episodes)
    return PlayScore(
        episodes=len(episodes),
        tasks=len({one.task for one in episodes}),
        success_rate=found.value,
        success_rate_ci=(found.low, found.high),
        distinct=found.units,
        mean_steps=steps / len(episodes),
        refused=sum(one.refused for one in episodes) / steps if steps else 0.0,
    )


def by_task(episodes: Iterable[Episode]) -> dict[str, tuple[int, int]]:
    """How often each task was completed, and of how many episodes."""
    counted: dict[str, tuple[int, int]] = {}
    for one in episodes:
        done, played = counted.get(one.task, (0, 0))
        counted[one.task] = (done + one.success, played + 1)
    return counted


def difference(
    before: PlayResult, after: PlayResult, tasks: Container[str] | None = None
) -> Difference | None:
    """How much better ``after`` plays than ``before``, on the starts that both played.

    Of all tasks, or of some; None where they have no start in common.
    """
    first = {(one.task, one.seed): one for one in before.played}
    pairs = [
        (first[one.task, one.seed], one)
        for one in after.played
        if (one.task, one.seed) in first and (tasks is None or one.task in tasks)
    ]
    if not pairs:
        return None
    return paired(
        [float(one.success) for one, _ in pairs],
        [float(one.success) for _, one in pairs],
        [f"{one.task} {one.way} {other.way}" for one, other in pairs],
    )


def facts(result: PlayResult) -> dict[str, Any]:
    """The result as plain data, the single episodes last."""
    told: dict[str, Any] = msgspec.to_builtins(result)
    return told
