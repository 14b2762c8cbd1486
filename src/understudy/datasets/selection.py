"""Which sessions something is made from, and why each of the others is not among them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.curate.duplicates import Copy
from understudy.errors import UnderstudyError
from understudy.formats.dataset_rows import ChatRow, Row
from understudy.store.ulids import is_ulid

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession
    from understudy.session.workspace import Workspace
    from understudy.store.catalog.schema import SessionRow


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that was not taken, and why."""

    session: str
    """Its id; empty for a scenario."""
    directory: str
    scenario: str = ""
    """Of a scenario, its name."""
    step: int | None = None
    """The trace line's ``n``, or the number of the scenario's part; None for it as a whole."""
    reason: str
    copy: Literal["exact", "near"] | None = None
    """Of a copy, how alike it is."""
    copy_of: tuple[str, int] | None = None
    """Of a copy, the session (or the scenario) and the step that were taken."""

    @property
    def kind(self) -> str:
        """The reason without the names and numbers that tell one case from another of its kind."""
        if self.copy is not None:
            return f"it is {_ALIKE[self.copy]} as another step"
        first = self.reason.split("; ", maxsplit=1)[0]
        first = first.partition(": ")[2] if first.startswith("message ") else first
        return _SCORED.sub("score is below", first)


_SCORED = re.compile(r"score [\d.]+ is below")
_ALIKE = {"exact": "the same", "near": "nearly the same"}


def left_out_row(row: Row, directory: str, reason: str) -> LeftOut:
    """That ``row`` was not taken."""
    part = row.scenario.name if isinstance(row, ChatRow) and row.scenario is not None else ""
    return LeftOut(
        session=row.session, directory=directory, scenario=part, step=row.n, reason=reason
    )


def left_out_copy(row: Row, directory: str, copy: Copy) -> LeftOut:
    """That ``row`` is a copy of one that was taken."""
    origin, n = copy.of
    place = f"session {origin}" if is_ulid(origin) else f"the scenario {origin}"
    entry = left_out_row(row, directory, f"it is {_ALIKE[copy.kind]} as step {n} of {place}")
    return msgspec.structs.replace(entry, copy=copy.kind, copy_of=(origin, n))


def left_out(session: RecordedSession, step: int | None, reason: str) -> LeftOut:
    """That ``step``, or without one the session as a whole, was not taken."""
    return LeftOut(session=session.id, directory=session.path.name, step=step, reason=reason)


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Filters on sessions; those not given let everything pass."""

    sessions: tuple[str, ...] = ()
    """Ids, directories or unique beginnings of either; only these."""
    game: str | None = None
    player: str | None = None
    task: str | None = None
    """What was asked, or the id of the game's task."""
    model: str | None = None
    tags: tuple[str, ...] = ()
    """All of them must be there."""
    success: bool | None = None
    """Whether the task was completed."""
    min_score: float | None = None
    score_source: Literal["human", "auto", "any"] = "human"
    since: str | None = None
    """A day or a time, ISO 8601, UTC unless it says otherwise; of the beginning of sessions."""
    until: str | None = None
    require_license: bool = False
    """Leave out sessions whose licence is not known."""
    require_consent: bool = False
    """Leave out sessions without a note of consent."""

    def query(self) -> dict[str, Any]:
        """The filters that are set, as JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def choose(
    workspace: Workspace,
    selection: Selection,
    leave_out: Callable[[LeftOut], None],
    *,
    sealed_only: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[RecordedSession]:
    """The sessions that fit, oldest first, each opened when it is reached.

    ``leave_out`` hears of those that fit the plain filters (game, player, time…) but cannot be
    used: no score of the asked kind, no licence, archived, damaged, with ``sealed_only`` also those
    that may still grow. ``progress`` is called with how many of how many sessions are done. Raises
    SessionError for a named session that is not there and UsageError for a filter that makes no
    sense.
    """
    wanted = {workspace.find(name).id for name in selection.sessions}
    rows = workspace.rows(
        game=selection.game,
        player=selection.player,
        task=selection.task,
        model=selection.model,
        success=selection.success,
        since=selection.since,
        until=selection.until,
        newest_first=False,
    )
    if wanted:
        rows = [row for row in rows if row.id in wanted]
    rows = [row for row in rows if set(selection.tags) <= set(row.tags)]
    for number, row in enumerate(rows):
        if progress is not None:
            progress(number, len(rows))
        reason = _objection(row, selection, sealed_only=sealed_only)
        if reason is None:
            try:
                session = workspace.session(row.id)
            except UnderstudyError as error:
                reason = f"it cannot be opened: {error}"
            else:
                yield session
                session.close()
                continue
        leave_out(LeftOut(session=row.id, directory=row.directory, reason=reason))
    if progress is not None:
        progress(len(rows), len(rows))


def _objection(row: SessionRow, selection: Selection, *, sealed_only: bool) -> str | None:
    if row.archived:
        return "it lies in the archive; `understudy session restore` brings it back"
    if sealed_only and row.sealed_sha256 is None:
        return "it is not sealed: it is still being recorded, or its recorder was killed"
    if selection.min_score is not None:
        score = {
            "human": row.human_score,
            "auto": row.auto_score,
            "any": row.human_score if row.human_score is not None else row.auto_score,
        }[selection.score_source]
        kind = "" if selection.score_source == "any" else f"{selection.score_source} "
        if score is None:
            return f"it has no {kind}score"
        if score < selection.min_score:
            return f"its {kind}score {score:g} is below {selection.min_score:g}"
    if selection.require_license and not row.license:
        return "its licence is not known"
    if selection.require_consent and not row.consent:
        return "there is no note of consent"
    return None
