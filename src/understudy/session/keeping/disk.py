"""How full the workspace's disk is, what fills it, and when it will be full at the present pace."""

from __future__ import annotations

import datetime
import shutil
from typing import TYPE_CHECKING

import msgspec

from understudy.session.index import folder_bytes

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

PACE_DAYS = 7.0
"""Over how many of the last days the pace is taken."""
_SHORTEST_DAYS = 1.0
_LONGEST_FORECAST_DAYS = 3650.0
_GIGABYTE = 1_000_000_000


class DiskReport(msgspec.Struct, frozen=True, kw_only=True):
    """All in bytes, where nothing else is said."""

    free: int
    total: int
    runs: int
    archive: int
    datasets: int
    models: int
    bundles: int
    per_day: int
    """What the sessions of the last days came to, a day."""
    full_at: str | None
    """When the disk will be full at this pace (UTC); None when nothing was recorded lately, or it
    takes more than ten years."""
    days_left: float | None
    low: bool
    """Whether less is free than ``[disk] warn_free_gb``."""


def shortage(workspace: Workspace, free: int) -> str | None:
    """What to tell where ``free`` bytes are less than ``[disk] warn_free_gb``; quick."""
    least = workspace.settings.disk.warn_free_gb
    if free >= least * _GIGABYTE:
        return None
    return (
        f"only {free / _GIGABYTE:.1f} GB are free at {workspace.path}, less than the {least:g} of "
        "`disk.warn_free_gb`; `understudy session archive` packs old sessions, and `understudy "
        "doctor` says when the disk will be full"
    )


def disk_report(workspace: Workspace, *, now: datetime.datetime | None = None) -> DiskReport:
    """Measure. Reads the size of every file in the workspace: seconds for millions of files.

    The pace counts the sessions begun in the last ``PACE_DAYS`` days, or since the first session
    where that is not so long ago, but over at least one day.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    usage = shutil.disk_usage(workspace.path)
    rows = workspace.rows(since=now - datetime.timedelta(days=PACE_DAYS))
    per_day = 0.0
    if rows:
        older = workspace.rows(newest_first=False, limit=1)
        first = datetime.datetime.fromisoformat(older[0].started)
        days = min(PACE_DAYS, max(_SHORTEST_DAYS, (now - first).total_seconds() / 86_400))
        per_day = sum(row.bytes for row in rows) / days
    days_left = usage.free / per_day if per_day else None
    if days_left is not None and days_left > _LONGEST_FORECAST_DAYS:
        days_left = None
    full_at = None
    if days_left is not None:
        full_at = (now + datetime.timedelta(days=days_left)).isoformat(timespec="seconds")
    return DiskReport(
        free=usage.free,
        total=usage.total,
        runs=folder_bytes(workspace.runs),
        archive=folder_bytes(workspace.archive),
        datasets=folder_bytes(workspace.datasets),
        models=folder_bytes(workspace.models),
        bundles=folder_bytes(workspace.bundles),
        per_day=round(per_day),
        full_at=full_at,
        days_left=days_left,
        low=shortage(workspace, usage.free) is not None,
    )
