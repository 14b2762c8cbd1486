"""Which sessions can be judged: those in which a player played a game step by step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from understudy.store.catalog.schema import SessionRow

PLAYED_TO_AN_END = ("success", "failure", "step_limit", "quit")
"""How a session ends by what its player did; others were cut off from outside."""


def played_rows(rows: Iterable[SessionRow]) -> list[SessionRow]:
    """The sessions in which a player played a game step by step."""
    return [row for row in rows if row.play is not None]


def unchecked(row: SessionRow) -> str | None:
    """Why nothing says whether the session's task was done, in a few words; None when it is said.

    Only what was played to its end counts: a session that was cut off says nothing of its player.
    """
    play = row.play
    if play is None:
        return "nobody played"
    if not play.conditions:
        return "asked freely, without a check"
    if row.success is None or play.completion not in PLAYED_TO_AN_END:
        return "not played to an end"
    return None


def task_name(row: SessionRow) -> str:
    """The id of the game's task, else what was asked."""
    return row.task_id or row.task
