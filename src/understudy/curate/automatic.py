"""Scoring by rule: what a session's check, its steps and its needless actions come to.

The rule sees what anyone sees of a session: whether the task's check passed and how much of it, how
many steps were used against the reference, which actions changed nothing or were done before on the
same picture. What a player notes about itself (deliberate mistakes) is not looked at. A change of
the rule is a new rule with a name of its own: scores say which one gave them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from understudy._util.counting import counted
from understudy.curate.guide import band_of

if TYPE_CHECKING:
    from understudy.store.catalog.schema import PlayFacts, SessionRow

RULE = "check-v1"
AUTHOR = f"auto:{RULE}"
"""The author of the scores that this rule gives."""

_NEAR_REFERENCE = 0.1
_SOME_DETOURS = 0.5
_SOME_WASTE = 0.25
_MOSTLY = 0.5


class RuleScore(msgspec.Struct, frozen=True, kw_only=True):
    """A score from 1 to 10, with what was seen and why it comes to this."""

    score: int
    comment: str
    reason: str


def score_by_rule(row: SessionRow) -> RuleScore:
    """The rule's score of a session that ``curate.played.unchecked`` finds nothing against."""
    play = row.play
    if play is None:
        raise ValueError(f"the session {row.id} was not played")
    score, why = _completed(row, play) if row.success else _not_completed(row, play)
    return RuleScore(
        score=score,
        comment=_seen(row, play),
        reason=f"{RULE}: {why}; {band_of(score).name.lower()}",
    )


def _completed(row: SessionRow, play: PlayFacts) -> tuple[int, str]:
    needless = _needless(play)
    if play.reference_steps is None:
        if not needless:
            return 9, "completed without a needless action, and no number of steps to compare with"
        excess = 0.0
    else:
        excess = round(max(0.0, row.steps / play.reference_steps - 1), 9)
    how = "within the reference steps" if not excess else f"{excess:.0%} over the reference steps"
    how = f"completed {how}, {counted(needless, 'needless action')}"
    if not excess and not needless:
        return 10, how
    if excess <= _NEAR_REFERENCE and needless <= 1:
        return 9, how
    if excess <= _SOME_DETOURS and needless <= _SOME_WASTE * row.steps:
        return 8, how
    return 7, how


def _not_completed(row: SessionRow, play: PlayFacts) -> tuple[int, str]:
    met = max(0, play.conditions - play.missing)
    share = met / play.conditions
    wasteful = _needless(play) > _SOME_WASTE * row.steps
    if share > _MOSTLY:
        best, how = 6, "mostly completed"
    elif share > 0:
        best, how = 4, "partially completed"
    else:
        best, how = 2, "not completed"
    return best - wasteful, f"{how}, {'many' if wasteful else 'few'} needless actions"


def _needless(play: PlayFacts) -> int:
    """At least so many actions were for nothing: one that repeats may also be without effect."""
    return max(play.no_effect, play.repeated)


def _seen(row: SessionRow, play: PlayFacts) -> str:
    met = max(0, play.conditions - play.missing)
    check = "The check passed" if row.success else f"The check failed, {met} of {play.conditions}"
    against = "" if play.reference_steps is None else f" (reference {play.reference_steps})"
    return (
        f"{check}{'' if row.success else ' conditions met'}, after {counted(row.steps, 'step')}"
        f"{against}; {play.no_effect} without effect, {play.repeated} repeated."
    )
