"""What was said about many sessions, read from their feedback: who gave which score, how fast."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.errors import UnderstudyError
from understudy.session.feedback import derive, is_human, read_feedback, standing

if TYPE_CHECKING:
    from understudy.session.feedback import FeedbackEntry
    from understudy.store.catalog.schema import SessionRow


class Opinions(msgspec.Struct, kw_only=True):
    """The scores of sessions that people scored."""

    scores: list[dict[str, float]] = []
    """Of each session: author → latest score."""
    seconds: list[float] = []
    """How long each scoring took, where that was measured."""
    unread: int = 0
    """Sessions whose feedback could not be read: archived, gone or damaged."""


def gather_opinions(rows: Iterable[SessionRow], runs: Path) -> Opinions:
    """The opinions about those of ``rows`` that a person scored; opens their feedback in ``runs``.

    Sessions that only rules or judges scored are passed over: there is nothing to compare.
    """
    found = Opinions()
    for row in rows:
        if row.human_score is None:
            continue
        entries = None if row.archived else _feedback(runs / row.directory)
        if entries is None:
            found.unread += 1
            continue
        found.scores.append(derive(entries).scores)
        found.seconds += _seconds(entries)
    return found


def scored_by(author: str, folder: Path) -> bool:
    """Whether ``author`` has a score of the session in ``folder`` that still stands."""
    return author in derive(read_feedback(folder)).scores


def _feedback(folder: Path) -> list[FeedbackEntry] | None:
    try:
        return read_feedback(folder) if folder.is_dir() else None
    except (UnderstudyError, OSError, msgspec.MsgspecError):
        return None


def _seconds(entries: list[FeedbackEntry]) -> Iterator[float]:
    for entry in standing(entries):
        if entry.seconds is not None and entry.score is not None and is_human(entry.author):
            yield entry.seconds
