"""Which sessions the settings want put away or forgotten: a plan first, then the deed."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import msgspec

from understudy.errors import UnderstudyError

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace
    from understudy.store.catalog.schema import SessionRow

_GIGABYTE = 1_000_000_000


class PlannedAction(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule wants done with one session."""

    session: str
    directory: str
    action: Literal["archive", "forget"]
    reason: str
    bytes: int


class AppliedAction(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    planned: PlannedAction
    problem: str | None = None
    """Why it was not done; None when it was."""


def plan_retention(
    workspace: Workspace, *, now: datetime.datetime | None = None
) -> list[PlannedAction]:
    """What the rules of ``[retention]`` want, oldest sessions first; changes nothing.

    Sessions that are being recorded are left alone. One to be forgotten is not archived before.
    """
    rules = workspace.settings.retention
    now = now or datetime.datetime.now(datetime.UTC)
    rows = [row for row in workspace.rows(newest_first=False) if row.status != "recording"]
    plan: list[PlannedAction] = []
    staying: list[SessionRow] = []
    for row in rows:
        lowest = rules.forget_below_score
        if lowest is not None and row.human_score is not None and row.human_score < lowest:
            reason = f"its human score {row.human_score:g} is below {lowest:g}"
            plan.append(_planned(row, "forget", reason))
            continue
        if row.archived:
            continue
        days = _age_days(row, now)
        if rules.archive_after_days is not None and days > rules.archive_after_days:
            reason = f"it ended {days:.0f} days ago, more than {rules.archive_after_days:g}"
            plan.append(_planned(row, "archive", reason))
            continue
        staying.append(row)
    if rules.keep_total_gb is not None:
        plan += _until_small_enough(staying, rules.keep_total_gb)
    return plan


def apply_retention(
    workspace: Workspace,
    plan: Sequence[PlannedAction],
    *,
    forget: Callable[[str], object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[AppliedAction]:
    """Do what is planned, as far as the rules still want it; a failure does not stop the others.

    ``forget`` is how a session is forgotten (``Workspace.forget`` unless given).
    """
    still = {(action.session, action.action) for action in plan_retention(workspace)}
    applied = []
    for number, action in enumerate(plan, start=1):
        problem = None
        try:
            if (action.session, action.action) not in still:
                problem = "the rules no longer ask for it"
            elif action.action == "archive":
                workspace.archive_session(action.session)
            else:
                (forget or workspace.forget)(action.session)
        except UnderstudyError as error:
            problem = str(error)
        applied.append(AppliedAction(planned=action, problem=problem))
        if progress is not None:
            progress(number, len(plan))
    return applied


def _until_small_enough(rows: list[SessionRow], keep_total_gb: float) -> list[PlannedAction]:
    plan = []
    total = sum(row.bytes for row in rows)
    for row in rows:
        if total <= keep_total_gb * _GIGABYTE:
            break
        reason = (
            f"the sessions take {total / _GIGABYTE:.2f} GB, more than {keep_total_gb:g}, and it is "
            "the oldest"
        )
        plan.append(_planned(row, "archive", reason))
        total -= row.bytes
    return plan


def _planned(row: SessionRow, action: Literal["archive", "forget"], reason: str) -> PlannedAction:
    return PlannedAction(
        session=row.id, directory=row.directory, action=action, reason=reason, bytes=row.bytes
    )


def _age_days(row: SessionRow, now: datetime.datetime) -> float:
    ended = datetime.datetime.fromisoformat(row.ended or row.started)
    return (now - ended).total_seconds() / 86_400
