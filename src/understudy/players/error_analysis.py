"""Which steps of a session failed, and how: what stands in ``analysis/error_analysis.json``.

Only what anyone can see is judged: what a step changed, what was done before, and what the player
said of its own step. The kinds:

``refused``       the player's answer could not be used; a step was spent waiting
``wrong_report``  a report was given that is not right
``mistake``       the player recorded it as a deliberate mistake
``unsettled``     the game did not come to rest after it
``repeated``      the same action on the same picture, which had not changed anything before
``no_effect``     nothing changed; waiting is not counted
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from understudy.games.game import REPORT, Action

WAIT = "wait"


class ErrorAnalysis:
    """Takes the steps of one session as they are played."""

    def __init__(self) -> None:
        self._failed: list[dict[str, Any]] = []
        self._vain: set[tuple[str, str]] = set()

    def add(
        self,
        step: int,
        action: Action,
        *,
        screen: str,
        effect: bool,
        wrong_report: bool,
        facts: Mapping[str, Any],
    ) -> None:
        """Judge one step; ``screen`` is the digest of the picture before it."""
        kind, detail = self._kind(action, screen, effect, wrong_report, facts)
        if kind:
            entry = {"step": step, "action": str(action), "kind": kind, "detail": detail}
            self._failed.append({key: value for key, value in entry.items() if value is not None})
        if not effect:
            self._vain.add((screen, str(action)))

    def content(self, *, completion: str, missing: tuple[str, ...]) -> dict[str, Any]:
        """The analysis, plain data."""
        return {
            "completion_status": completion,
            "missing": list(missing),
            "by_kind": dict(Counter(entry["kind"] for entry in self._failed).most_common()),
            "failed_steps": self._failed,
        }

    def _kind(
        self,
        action: Action,
        screen: str,
        effect: bool,
        wrong_report: bool,
        facts: Mapping[str, Any],
    ) -> tuple[str, Any]:
        if facts.get("refused"):
            return "refused", facts["refused"]
        if wrong_report:
            return "wrong_report", action.text
        if facts.get("mistake"):
            return "mistake", None
        if facts.get("settled") is False:
            return "unsettled", None
        if effect or action.name in (WAIT, REPORT):
            return "", None
        return ("repeated" if (screen, str(action)) in self._vain else "no_effect"), None
