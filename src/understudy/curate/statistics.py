"""What a workspace holds, in numbers: counted from the catalog, so that no session is opened.

Only what the catalog does not know, how chats ended and how many tokens they took, is read from
the traces, and only when it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from understudy.errors import UnderstudyError
from understudy.session.steps import ChatStep
from understudy.session.trace_file import read_trace

if TYPE_CHECKING:
    from understudy.store.catalog.schema import SessionRow

_MEGABYTE = 1_000_000
_HOUR_S = 3600


class Tally(msgspec.Struct, kw_only=True):
    """Sums over some sessions."""

    sessions: int = 0
    archived: int = 0
    steps: int = 0
    chats: int = 0
    frames: int = 0
    images: int = 0
    duration_s: float = 0.0
    """Of all sessions together, wherever they overlapped."""
    bytes: int = 0
    seen: int = 0
    stored: int = 0
    dropped: int = 0
    masked: int = 0
    by_status: dict[str, int] = {}

    @property
    def mb_per_hour(self) -> float | None:
        """Megabytes (10⁶) an hour of play takes; None where nothing has lasted."""
        if not self.duration_s:
            return None
        return self.bytes / _MEGABYTE / (self.duration_s / _HOUR_S)

    def add(self, row: SessionRow) -> None:
        self.sessions += 1
        self.archived += row.archived
        self.steps += row.steps
        self.chats += row.chats
        self.frames += row.frames
        self.images += row.images
        self.duration_s += row.duration_s or 0.0
        self.bytes += row.bytes
        self.seen += row.seen
        self.stored += row.stored
        self.dropped += row.dropped
        self.masked += row.masked
        self.by_status[row.status] = self.by_status.get(row.status, 0) + 1

    def merge(self, other: Tally) -> None:
        """Add what ``other`` has summed up."""
        for name in self.__struct_fields__:
            if name != "by_status":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        for status, count in other.by_status.items():
            self.by_status[status] = self.by_status.get(status, 0) + count


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """How sessions were judged; a score is 1 to 10."""

    sessions: int = 0
    median: float | None = None
    histogram: dict[int, int] = {}
    """Whole score (halves are rounded up) → sessions; only those that occur."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a selection of sessions."""

    total: Tally
    by_game: dict[str, Tally]
    """The largest number of sessions first; so ``by_player`` and ``by_model``."""
    by_player: dict[str, Tally]
    by_model: dict[str, Tally]
    by_day: dict[str, Tally]
    """UTC day of the start, ``2026-01-31`` → sums, in order; only those with a session."""
    human_scores: Scores
    auto_scores: Scores


class ChatStatistics(msgspec.Struct, kw_only=True):
    """What only the traces tell of the chats."""

    chats: int = 0
    by_status: dict[str, int] = {}
    """``complete``, ``truncated``, ``client_closed``, ``upstream_error``."""
    by_model: dict[str, int] = {}
    tokens: dict[str, int] = {}
    """Sums of what the servers counted, by their names: ``input_tokens``, ``output_tokens``…"""
    unread: int = 0
    """Sessions whose trace could not be read: archived, gone or damaged."""


def gather(rows: Iterable[SessionRow]) -> Statistics:
    """The statistics of the sessions in ``rows``."""
    # Each session is added once, and the few sums together then: many sessions share all names.
    together: dict[tuple[str, str, str, str], Tally] = {}
    human: list[float] = []
    auto: list[float] = []
    for row in rows:
        names = (row.game, row.player, row.model, row.started[:10])
        tally = together.get(names)
        if tally is None:
            tally = together[names] = Tally()
        tally.add(row)
        if row.human_score is not None:
            human.append(row.human_score)
        if row.auto_score is not None:
            auto.append(row.auto_score)
    total = Tally()
    groups: tuple[dict[str, Tally], ...] = ({}, {}, {}, {})
    for names, tally in together.items():
        total.merge(tally)
        for group, name in zip(groups, names, strict=True):
            group.setdefault(name, Tally()).merge(tally)
    by_game, by_player, by_model, by_day = groups
    return Statistics(
        total=total,
        by_game=_largest_first(by_game),
        by_player=_largest_first(by_player),
        by_model=_largest_first(by_model),
        by_day=dict(sorted(by_day.items())),
        human_scores=_scores(human),
        auto_scores=_scores(auto),
    )


def gather_chats(
    rows: list[SessionRow], runs: Path, *, progress: Callable[[int, int], None] | None = None
) -> ChatStatistics:
    """What the traces in ``runs`` tell of the chats of ``rows``; reads all of them."""
    found = ChatStatistics()
    status: Counter[str] = Counter()
    models: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    for number, row in enumerate(rows, start=1):
        if row.chats or row.status == "recording":
            try:
                for chat in _chats(row, runs):
                    found.chats += 1
                    status[chat.status] += 1
                    models[chat.model or ""] += 1
                    tokens.update(_usage(chat))
            except (UnderstudyError, OSError):
                found.unread += 1
        if progress is not None:
            progress(number, len(rows))
    found.by_status = dict(status.most_common())
    found.by_model = dict(models.most_common())
    found.tokens = dict(tokens)
    return found


def days_between(first: str, last: str) -> Iterator[str]:
    """All days from ``first`` to ``last``, both included, as ``by_day`` writes them."""
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day.isoformat()
        day += timedelta(days=1)


def _chats(row: SessionRow, runs: Path) -> Iterator[ChatStep]:
    trace = runs / row.directory / "trace.jsonl"
    if row.archived or not trace.exists():
        raise FileNotFoundError(trace)
    for step in read_trace(trace):
        if isinstance(step, ChatStep):
            yield step


def _usage(chat: ChatStep) -> dict[str, int]:
    usage = chat.call.get("usage")
    if not isinstance(usage, dict):
        return {}
    return {name: count for name, count in usage.items() if type(count) is int}


def _largest_first(groups: dict[str, Tally]) -> dict[str, Tally]:
    return dict(sorted(groups.items(), key=lambda item: (-item[1].sessions, item[0])))


def _scores(values: list[float]) -> Scores:
    histogram = Counter(int(value + 0.5) for value in values)
    return Scores(
        sessions=len(values),
        median=median(values) if values else None,
        histogram=dict(sorted(histogram.items())),
    )
