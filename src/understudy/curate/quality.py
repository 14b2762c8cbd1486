"""The quality of what was played: completion, efficiency, consistency, coverage, human approval.

Computed from the catalog's lines alone, so that ten thousand sessions take a moment; what each
number means exactly stands in docs/reference/metrics.md.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from understudy.curate.consistency import mean_similarity
from understudy.curate.played import task_name, unchecked

if TYPE_CHECKING:
    from understudy.store.catalog.schema import PlayFacts, SessionRow

GOOD_SCORE = 6
"""The human score from which a session's examples count as good: what datasets take by default."""
_Z_95 = 1.959963984540054
_MEGABYTE = 1_000_000
_HOUR_S = 3600


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """So many ``of`` so many, with its 95 % interval after Wilson."""

    hits: int = 0
    of: int = 0
    value: float | None = None
    """None of nothing; so are the ends of the interval."""
    low: float | None = None
    high: float | None = None


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """A mean and how many values it is of."""

    value: float | None = None
    of: int = 0


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the games was seen."""

    tasks: int = 0
    """Distinct tasks of games."""
    known: int | None = None
    """How many tasks the games that were played have; None where that is not known."""
    groups: int = 0
    screens: Mean = Mean()
    """Distinct pictures in a session."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The quality metrics of some played sessions."""

    sessions: int
    completion: Share
    efficiency: Mean
    consistency: Mean
    """``of`` are the tasks that were completed at least twice."""
    coverage: Coverage
    human_approval: Mean
    automatic: Mean
    """Mean automatic score."""
    steps: Mean
    needless: Share
    """Steps without effect, or, where those are more, repeated ones."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a collection aims for, and how far it has come."""

    name: str
    value: float
    goal: float
    reached: bool


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """How well collecting works."""

    sessions_per_hour: float | None = None
    """Of the time in which at least one session was being played."""
    examples: int = 0
    """Steps that can become training examples."""
    good_examples: int = 0
    """Those of sessions with a human score of at least 6."""
    mb_per_example: float | None = None
    completed: Share = Share()
    """Sessions that were sealed as whole, of those that ended in any way."""


def measure_quality(
    rows: Sequence[SessionRow], *, known_tasks: Mapping[str, int] | None = None
) -> Quality:
    """The metrics of ``rows``, all of them played.

    ``known_tasks`` says how many tasks each game has; games that are not in it are not known.
    """
    checked = [row for row in rows if unchecked(row) is None]
    completed = [row for row in checked if row.success]
    return Quality(
        sessions=len(rows),
        completion=share(len(completed), len(checked)),
        efficiency=_mean(value for row in completed if (value := efficiency(row)) is not None),
        consistency=_consistency(completed),
        coverage=_coverage(rows, known_tasks),
        human_approval=_mean(row.human_score for row in rows if row.human_score is not None),
        automatic=_mean(row.auto_score for row in rows if row.auto_score is not None),
        steps=_mean(row.steps for row in rows),
        needless=share(
            sum(max(play.no_effect, play.repeated) for play in _plays(rows)),
            sum(row.steps for row in rows),
        ),
    )


def efficiency(row: SessionRow) -> float | None:
    """Reference steps ÷ steps used, at most 1; None unless it was completed and has a reference."""
    play = row.play
    if unchecked(row) is not None or play is None or not row.success:
        return None
    if not play.reference_steps or not row.steps:
        return None
    return min(1.0, play.reference_steps / row.steps)


def quality_by(rows: Iterable[SessionRow], key: Callable[[SessionRow], str]) -> dict[str, Quality]:
    """The metrics of each group of rows that ``key`` makes, in the order of the names."""
    groups: dict[str, list[SessionRow]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return {name: measure_quality(groups[name]) for name in sorted(groups)}


def measure_collection(rows: Sequence[SessionRow]) -> Collection:
    """How collecting the played sessions ``rows`` went."""
    ended = [row for row in rows if row.status != "recording"]
    with_examples = [row for row in rows if row.play is not None and row.play.examples]
    examples = sum(play.examples for play in _plays(with_examples))
    hours = _hours_of_play(ended)
    size = sum(row.bytes for row in with_examples)
    return Collection(
        sessions_per_hour=len(ended) / hours if hours else None,
        examples=examples,
        good_examples=sum(
            play.examples
            for row, play in zip(with_examples, _plays(with_examples), strict=True)
            if row.human_score is not None and row.human_score >= GOOD_SCORE
        ),
        mb_per_example=size / _MEGABYTE / examples if examples else None,
        completed=share(sum(row.status == "sealed" for row in ended), len(ended)),
    )


def targets(quality: Quality, collection: Collection) -> list[Target]:
    """What the seed of a collection aims for, and how far this one has come."""
    score = quality.human_approval.value or 0.0
    tasks = quality.coverage.tasks
    good = collection.good_examples
    return [
        Target(name="average human score", value=score, goal=7, reached=score > 7),
        Target(name="good training examples", value=good, goal=1000, reached=good >= 1000),
        Target(name="task types played", value=tasks, goal=50, reached=tasks >= 50),
    ]


def share(hits: int, of: int) -> Share:
    """``hits`` of ``of`` with the Wilson score interval at 95 %."""
    if not of:
        return Share()
    value = min(1.0, hits / of)
    spread = _Z_95**2 / of
    middle = (value + spread / 2) / (1 + spread)
    half = _Z_95 / (1 + spread) * math.sqrt(value * (1 - value) / of + spread / (4 * of))
    return Share(
        hits=hits, of=of, value=value, low=max(0.0, middle - half), high=min(1.0, middle + half)
    )


def _plays(rows: Iterable[SessionRow]) -> list[PlayFacts]:
    return [row.play for row in rows if row.play is not None]


def _mean(values: Iterable[float]) -> Mean:
    found = list(values)
    return Mean(value=math.fsum(found) / len(found), of=len(found)) if found else Mean()


def _consistency(completed: Iterable[SessionRow]) -> Mean:
    paths: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in completed:
        if row.play is not None and row.play.path:
            paths[row.game, task_name(row)].append(row.play.path)
    return _mean(mean_similarity(of_task) for of_task in paths.values() if len(of_task) > 1)


def _coverage(rows: Sequence[SessionRow], known_tasks: Mapping[str, int] | None) -> Coverage:
    played = {(row.game, row.task_id) for row in rows if row.task_id}
    games = {game for game, _ in played}
    known = None
    if known_tasks is not None and games and all(game in known_tasks for game in games):
        known = sum(known_tasks[game] for game in games)
    plays = _plays(rows)
    groups = {(row.game, row.play.group) for row in rows if row.play is not None and row.play.group}
    return Coverage(
        tasks=len(played),
        known=known,
        groups=len(groups),
        screens=_mean(play.screens for play in plays if play.screens),
    )


def _hours_of_play(rows: Iterable[SessionRow]) -> float:
    """Hours in which at least one of ``rows`` was being played, wherever they overlapped."""
    spans = sorted(
        (datetime.fromisoformat(row.started).timestamp(), row.duration_s)
        for row in rows
        if row.duration_s is not None
    )
    total = 0.0
    until = -math.inf
    for begin, duration in spans:
        if begin + duration > until:
            total += begin + duration - max(begin, until)
            until = begin + duration
    return total / _HOUR_S
