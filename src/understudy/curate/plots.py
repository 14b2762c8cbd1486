"""The charts of `understudy stats --plots`: which there are and what each one shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.curate.bar_chart import bar_chart
from understudy.curate.played import played_rows
from understudy.curate.played_charts import played_charts
from understudy.curate.statistics import ChatStatistics, Statistics, Tally, days_between
from understudy.errors import StorageError
from understudy.store.atomic import write_atomic

if TYPE_CHECKING:
    from understudy.curate.screens import Screens
    from understudy.store.catalog.schema import SessionRow

_STATUSES = ("sealed", "incomplete", "killed", "recording")
_MEGABYTE = 1_000_000
_HOUR_S = 3600
_MOST_DAYS = 100
"""Longer times are shown week by week."""
_MOST_NAMES = 10


def write_plots(
    rows: Sequence[SessionRow],
    statistics: Statistics,
    chats: ChatStatistics,
    screens: Screens,
    folder: Path,
) -> list[Path]:
    """Write every chart of the sessions ``rows`` as an SVG file into ``folder``, which is made.

    The others are what was counted of the same sessions. Charts of played sessions are written
    where there are any. Returns the paths. Raises StorageError as the disk does.
    """
    charts = _charts_of_all(statistics, chats)
    played = played_rows(rows)
    if played:
        charts |= played_charts(played, screens)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{folder} cannot be made ({reason}); choose another folder") from error
    written = []
    for name, svg in charts.items():
        path = folder / f"{name}.svg"
        write_atomic(path, svg.encode(), sync=False)
        written.append(path)
    return written


def _charts_of_all(statistics: Statistics, chats: ChatStatistics) -> dict[str, str]:
    periods, every = _periods(statistics.by_day)
    labels = list(periods)
    games = _largest(statistics.by_game)
    scores = range(1, 11)
    ends = chats.by_status
    given = {"human": statistics.human_scores, "automatic": statistics.auto_scores}
    return {
        "sessions": bar_chart(f"Sessions a {every}", labels, _by_status(list(periods.values()))),
        "bytes": bar_chart(
            f"Recorded a {every}",
            labels,
            {"size": [tally.bytes / _MEGABYTE for tally in periods.values()]},
            unit="megabytes",
            show=_short,
        ),
        "hours": bar_chart(
            f"Play a {every}",
            labels,
            {"length": [tally.duration_s / _HOUR_S for tally in periods.values()]},
            unit="hours",
            show=_short,
        ),
        "games": bar_chart("Sessions by game", list(games), _by_status(list(games.values()))),
        "scores": bar_chart(
            "Scores by people, and by rules and judges",
            [str(score) for score in scores],
            {
                f"{name} ({found.sessions:,})": [
                    100 * found.histogram.get(score, 0) / (found.sessions or 1) for score in scores
                ]
                for name, found in given.items()
            },
            unit="percent of the sessions that each scored",
            show=_short,
            empty="No session has been scored yet.",
            beside=True,
        ),
        "chats": bar_chart(
            "How chats ended",
            list(ends),
            {"chats": list(ends.values())},
            unit="chats",
            empty="No chat has been recorded yet.",
        ),
    }


def _periods(by_day: dict[str, Tally]) -> tuple[dict[str, Tally], str]:
    """Days, or weeks by their Monday, without holes: a day on which nothing happened is shown."""
    if not by_day:
        return {}, "day"
    days = list(days_between(min(by_day), max(by_day)))
    if len(days) <= _MOST_DAYS:
        return {day: by_day.get(day, Tally()) for day in days}, "day"
    weeks: dict[str, Tally] = {}
    for day in days:
        week = weeks.setdefault(_monday(day), Tally())
        if day in by_day:
            week.merge(by_day[day])
    return weeks, "week"


def _monday(day: str) -> str:
    then = date.fromisoformat(day)
    return (then - timedelta(days=then.weekday())).isoformat()


def _by_status(tallies: list[Tally]) -> dict[str, list[float]]:
    found = {
        status: [float(tally.by_status.get(status, 0)) for tally in tallies] for status in _STATUSES
    }
    return {status: counts for status, counts in found.items() if any(counts)} or {"": []}


def _largest(groups: dict[str, Tally]) -> dict[str, Tally]:
    """The first groups by name, all others as one."""
    named = list(groups.items())
    shown = {name or "(no name)": tally for name, tally in named[:_MOST_NAMES]}
    if len(named) > _MOST_NAMES:
        rest = Tally()
        for _, tally in named[_MOST_NAMES:]:
            rest.merge(tally)
        shown[f"{len(named) - _MOST_NAMES} others"] = rest
    return shown


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
