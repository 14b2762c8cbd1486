"""The charts of played sessions: how well they went, how far they got, and how much was seen."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from understudy.curate.bar_chart import bar_chart
from understudy.curate.played import unchecked
from understudy.curate.quality import Share, efficiency, quality_by
from understudy.curate.screens import Screens
from understudy.curate.statistics import days_between

if TYPE_CHECKING:
    from understudy.store.catalog.schema import SessionRow

_TENTHS = 10
_MOST_GROUPS = 16
_MOST_DAYS = 60


def played_charts(rows: Sequence[SessionRow], screens: Screens) -> dict[str, str]:
    """Name → SVG of every chart of the played sessions ``rows``."""
    return {
        "completion": _completion(rows),
        "efficiency": _efficiency(rows),
        "steps": _steps(rows),
        "differences": _differences(rows),
        "coverage": _coverage(rows),
        "screens": _screens(screens),
    }


def _completion(rows: Sequence[SessionRow]) -> str:
    groups = quality_by(rows, lambda row: row.play.group if row.play is not None else "")
    shares = {name: quality.completion for name, quality in groups.items() if quality.completion.of}
    most = sorted(shares, key=lambda name: -shares[name].of)[:_MOST_GROUPS]
    shown = {name: share for name, share in shares.items() if name in most}
    return bar_chart(
        "Completed, by group of tasks",
        [f"{name or '(none)'}\n{share.of:,}" for name, share in shown.items()],
        {"completed": [100 * (share.value or 0.0) for share in shown.values()]},
        unit="percent of the sessions, whose number stands below; the lines are 95 % intervals",
        show="{:.0f}".format,
        empty="No task with a check has been played to an end yet.",
        ranges=[_interval(share) for share in shown.values()],
        top=100,
    )


def _interval(share: Share) -> tuple[float, float]:
    return 100 * (share.low or 0.0), 100 * (share.high or 0.0)


def _efficiency(rows: Iterable[SessionRow]) -> str:
    values = [value for row in rows if (value := efficiency(row)) is not None]
    return bar_chart(
        "Efficiency of completed sessions",
        _labels(),
        {"sessions": _histogram(values)},
        unit="sessions, by reference steps ÷ steps used",
        empty="No task with a reference has been completed yet.",
    )


def _steps(rows: Iterable[SessionRow]) -> str:
    done: list[float] = []
    not_done: list[float] = []
    for row in rows:
        if unchecked(row) is None and row.play is not None and row.play.max_steps:
            (done if row.success else not_done).append(min(1.0, row.steps / row.play.max_steps))
    return bar_chart(
        "Steps used of the limit",
        _labels(),
        {"completed": _histogram(done), "not completed": _histogram(not_done)},
        unit="sessions, by steps used ÷ limit",
        empty="No task with a check has been played to an end yet.",
    )


def _differences(rows: Iterable[SessionRow]) -> str:
    counts = Counter(
        math.floor(row.auto_score - row.human_score + 0.5)
        for row in rows
        if row.auto_score is not None and row.human_score is not None
    )
    farthest = max((abs(points) for points in counts), default=0)
    points = range(-farthest, farthest + 1)
    return bar_chart(
        "How far automatic scores are from people's",
        [f"{point:+d}" if point else "0" for point in points],
        {"sessions": [float(counts[point]) for point in points]},
        unit="sessions, by points that the automatic score is higher",
        empty="No session has both a human and an automatic score yet.",
    )


def _coverage(rows: Iterable[SessionRow]) -> str:
    seen: set[tuple[str, str]] = set()
    by_day: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: row.started):
        if row.task_id:
            seen.add((row.game, row.task_id))
        by_day[row.started[:10]] = len(seen)
    days = _until(by_day)
    return bar_chart(
        "Task types played until each day",
        list(days),
        {"task types": [float(count) for count in days.values()]},
        unit="distinct task types",
        empty="No task of a game has been played yet.",
    )


def _screens(screens: Screens) -> str:
    days = _until(screens.by_day)
    return bar_chart(
        "Screens seen until each day",
        list(days),
        {"screens": [float(count) for count in days.values()]},
        unit="distinct screens, over all games",
        empty="No screens are known.",
    )


def _labels() -> list[str]:
    return [f"{place / _TENTHS:g}–{(place + 1) / _TENTHS:g}" for place in range(_TENTHS)]


def _histogram(values: Iterable[float]) -> list[float]:
    """How many values lie in each tenth from 0 to 1; its upper end belongs to it."""
    counts = [0.0] * _TENTHS
    for value in values:
        place = math.ceil(round(value * _TENTHS, 9)) - 1
        counts[min(max(place, 0), _TENTHS - 1)] += 1
    return counts


def _until(by_day: dict[str, int]) -> dict[str, int]:
    """What had been reached on each day, at most so many days as a chart has room for."""
    if not by_day:
        return {}
    days = list(days_between(min(by_day), max(by_day)))
    reached = list(accumulate((by_day.get(day, 0) for day in days), max))
    every = math.ceil(len(days) / _MOST_DAYS)
    return dict(list(zip(days, reached, strict=True))[::-1][::every][::-1])
