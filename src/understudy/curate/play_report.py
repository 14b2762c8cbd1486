"""All that `stats` tells of played sessions, put together from their lines and their feedback."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.curate.agreement import Agreement, agreement
from understudy.curate.opinions import Opinions, gather_opinions
from understudy.curate.played import task_name
from understudy.curate.quality import (
    Collection,
    Quality,
    Target,
    measure_collection,
    measure_quality,
    quality_by,
    targets,
)

if TYPE_CHECKING:
    from understudy.store.catalog.schema import SessionRow

_S_PER_MINUTE = 60


def _group(row: SessionRow) -> str:
    return row.play.group if row.play is not None else ""


KEYS: Mapping[str, Callable[[SessionRow], str]] = {
    "task": task_name,
    "group": _group,
    "player": lambda row: row.player,
    "model": lambda row: row.model,
}
"""What sessions can be grouped by."""


class Scoring(msgspec.Struct, frozen=True, kw_only=True):
    """How long people took to score, from seeing a session to its score."""

    minutes: float | None = None
    """The median: a person who leaves the desk in between does not move it."""
    minutes_in_all: float = 0.0
    timed: int = 0
    """Scorings whose time is known."""
    unread: int = 0
    """Scored sessions whose feedback could not be read: archived, gone or damaged."""


class PlayReport(msgspec.Struct, frozen=True, kw_only=True):
    """The quality of some played sessions and what surrounds it."""

    quality: Quality
    quality_by: dict[str, dict[str, Quality]]
    """``task``, ``group``, ``player`` and ``model``, those asked for → name → metrics."""
    collection: Collection
    targets: list[Target]
    agreement: Agreement
    scoring: Scoring


def report_on(
    rows: Sequence[SessionRow],
    runs: Path,
    *,
    known_tasks: Mapping[str, int] | None = None,
    by: Sequence[str] = (),
) -> PlayReport:
    """The report on ``rows``, all of them played; opens the feedback of those that people scored.

    ``by`` are keys of ``KEYS`` to group by; ``known_tasks`` says how many tasks each game has.
    """
    quality = measure_quality(rows, known_tasks=known_tasks)
    collection = measure_collection(rows)
    opinions = gather_opinions(rows, runs)
    return PlayReport(
        quality=quality,
        quality_by={name: quality_by(rows, KEYS[name]) for name in by},
        collection=collection,
        targets=targets(quality, collection),
        agreement=agreement(opinions.scores),
        scoring=_scoring(opinions),
    )


def _scoring(opinions: Opinions) -> Scoring:
    seconds = opinions.seconds
    return Scoring(
        minutes=statistics.median(seconds) / _S_PER_MINUTE if seconds else None,
        minutes_in_all=sum(seconds) / _S_PER_MINUTE,
        timed=len(seconds),
        unread=opinions.unread,
    )
