"""What a played task comes to, counted step by step when its session is sealed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from understudy.session.header import SessionHeader
from understudy.session.steps import AgentStep, Step
from understudy.store.catalog.schema import PlayFacts

WAIT = "wait"
_LONGEST_PATH = 1000
"""Actions in ``path``: enough to compare how sessions went, and no burden for the catalog."""


def was_played(header: SessionHeader) -> bool:
    """Whether a player played under a step budget, rather than a program recording itself."""
    return isinstance(header.metadata.get("max_steps"), int)


class PlayTally:
    """Counts the steps of one session."""

    def __init__(self) -> None:
        self._screens: set[str] = set()
        self._done: set[tuple[str, str]] = set()
        self._path: list[tuple[str, int]] = []
        self._counts = dict.fromkeys(("no_effect", "repeated", "mistakes", "examples"), 0)

    def add(self, step: AgentStep) -> None:
        """Count ``step`` in."""
        action = str(step.action)
        name = action.partition(":")[0]
        before, after = step.facts.get("screen"), step.facts.get("screen_after")
        self._screens.update(screen for screen in (before, after) if isinstance(screen, str))
        self._counts["no_effect"] += step.success is False and name != WAIT
        self._counts["mistakes"] += bool(step.facts.get("mistake"))
        self._counts["examples"] += step.screenshot is not None
        if isinstance(before, str):
            self._counts["repeated"] += (before, action) in self._done
            self._done.add((before, action))
        if self._path and self._path[-1][0] == name:
            self._path[-1] = (name, self._path[-1][1] + 1)
        elif len(self._path) < _LONGEST_PATH:
            self._path.append((name, 1))

    def facts(self) -> dict[str, Any]:
        """What the steps tell, for the session's manifest."""
        path = " ".join(name if times == 1 else f"{name}*{times}" for name, times in self._path)
        return {**self._counts, "screens": len(self._screens), "path": path}


def tally(steps: Iterable[Step]) -> dict[str, Any]:
    """What all steps of a session tell."""
    counted = PlayTally()
    for step in steps:
        if isinstance(step, AgentStep):
            counted.add(step)
    return counted.facts()


def play_facts(header: SessionHeader, facts: dict[str, Any]) -> PlayFacts | None:
    """The catalog's facts from those of the header and the manifest; None when nobody played."""
    if not was_played(header):
        return None
    task = header.metadata.get("task")
    task = task if isinstance(task, dict) else {}
    check = facts.get("check") or {}
    given = {
        **(facts.get("play") or {}),
        "task_id": task.get("id"),
        "group": task.get("group"),
        "difficulty": task.get("difficulty"),
        "reference_steps": task.get("reference_steps"),
        "max_steps": header.metadata["max_steps"],
        "seed": header.metadata.get("seed"),
        "completion": facts.get("completion"),
        "conditions": check.get("of"),
        "missing": len(check.get("missing", ())),
    }
    try:
        return msgspec.convert(
            {name: value for name, value in given.items() if value is not None}, type=PlayFacts
        )
    except msgspec.ValidationError:  # a stranger's session that uses the same words otherwise
        return PlayFacts()
