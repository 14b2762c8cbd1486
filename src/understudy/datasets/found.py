"""One row on its way from a session or a scenario into a dataset or an export, and whose correction
it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy.formats.dataset_rows import Row

if TYPE_CHECKING:
    from understudy.session.feedback import FeedbackEntry
    from understudy.session.reader import RecordedSession


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was replaced by someone's correction of it."""

    session: str
    step: int
    author: str
    time: str
    reason: str | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A row and where it comes from."""

    row: Row
    session: RecordedSession | None
    """None for a scenario, which the row names."""
    corrected: Corrected | None = None

    @property
    def directory(self) -> str:
        """That of its session; empty for a scenario."""
        return self.session.path.name if self.session is not None else ""


def corrected_by(
    session: RecordedSession, step: int, entry: FeedbackEntry | None
) -> Corrected | None:
    """Who made the correction of ``step``, where there is one."""
    if entry is None:
        return None
    return Corrected(
        session=session.id, step=step, author=entry.author, time=entry.time, reason=entry.reason
    )
