"""What a dataset holds, counted while it is built: the facts of its manifest and of its card."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import Any

from understudy.datasets.found import Found
from understudy.datasets.leaks import LeakCheck
from understudy.datasets.selection import LeftOut
from understudy.formats.dataset_rows import AgentRow, ChatRow, ScenarioPart
from understudy.formats.instruction_chat import ActionNames, action_name
from understudy.session.reader import RecordedSession
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME, Parent


class Tally:
    """Counts rows, sessions and scenarios; memory grows with those and with distinct examples."""

    def __init__(self) -> None:
        self.parents: list[Parent] = []
        self._leaks = LeakCheck()
        self._names = ActionNames()
        self._sessions: dict[str, dict[str, Any]] = {}
        self._files: dict[str, dict[str, Any]] = {}
        self._made: dict[int, dict[str, Any]] = {}
        self._last_made = ""
        self._counts: Counter[str] = Counter()
        self._by: dict[str, Counter[str]] = {
            name: Counter() for name in ("games", "players", "models", "tasks", "actions_taken")
        }
        self._licenses: Counter[str] = Counter()
        self._consents: Counter[str] = Counter()
        self._corrected = 0
        self._left_out: Counter[str] = Counter()
        self._copies: Counter[str] = Counter({"exact": 0, "near": 0})

    def take(self, found: Found, split: str) -> None:
        """Count a row that goes into ``split``; those of one scenario follow each other."""
        row, session = found.row, found.session
        self._counts[split] += 1
        self._corrected += row.corrected
        self._leaks.add(split, row)
        if isinstance(row, ChatRow) and row.scenario is not None:
            self._take_scenario(row.scenario, split)
            return
        if session is not None and row.session not in self._sessions:
            self._begin(session, split)
        self._sessions[row.session]["rows"] += 1
        if isinstance(row, AgentRow):
            self._names.add(row.row)
            self._by["actions_taken"][action_name(row.row.action)] += 1
            self._by["models"][row.row.model_used] += 1
        else:
            self._by["models"][row.model_used] += 1

    def leave_out(self, entry: LeftOut) -> None:
        """Count something that was not taken."""
        self._left_out[entry.kind] += 1
        if entry.copy is not None:
            self._copies[entry.copy] += 1

    @property
    def rows(self) -> int:
        return self._counts.total()

    @property
    def actions(self) -> dict[str, list[str]]:
        """By game, the actions that occur."""
        return self._names.by_game

    def facts(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        sessions = list(self._sessions.values())
        made = [{"seed": seed, **facts} for seed, facts in self._made.items()]
        counts = {"rows": self.rows, "sessions": len(sessions)}
        scenarios = len(self._files) + sum(one["scenarios"] for one in made)
        if scenarios:
            counts["scenarios"] = scenarios
        return {
            "counts": {**counts, **self._counts},
            "sessions": [{"id": id, **facts} for id, facts in self._sessions.items()],
            "scenarios": {
                "files": [{"name": name, **facts} for name, facts in self._files.items()],
                "generated": made,
            },
            "left_out": dict(self._left_out.most_common()),
            "duplicates": dict(self._copies),
            "corrected": self._corrected,
            "leaks": {name: getattr(self._leaks.leaks, name) for name in _LEAKS},
            "licenses": dict(self._licenses),
            "consents": dict(self._consents),
            "actions": self.actions,
            **{name: dict(counter.most_common()) for name, counter in self._by.items()},
            "quality": _quality(sessions),
        }

    def _take_scenario(self, part: ScenarioPart, split: str) -> None:
        if part.seed is None:
            file = {"sha256": part.sha256, "split": split, "rows": 0}
            self._files.setdefault(part.name, file)["rows"] += 1
            return
        made = self._made.setdefault(part.seed, {"scenarios": 0, "rows": 0, "splits": Counter()})
        if part.name != self._last_made:
            self._last_made = part.name
            made["scenarios"] += 1
            made["splits"][split] += 1
        made["rows"] += 1

    def _begin(self, session: RecordedSession, split: str) -> None:
        header, feedback = session.header, session.current_feedback
        seal = sha256_file(session.path / MANIFEST_NAME)
        self.parents.append(Parent(kind="session", id=session.id, sha256=seal))
        self._sessions[session.id] = {
            "directory": session.path.name,
            "split": split,
            "rows": 0,
            "steps": session.facts.get("steps", 0),
            "success": session.facts.get("success"),
            "human_score": feedback.human_score,
            "auto_score": feedback.auto_score,
        }
        self._by["games"][header.game] += 1
        self._by["players"][header.player] += 1
        task = header.metadata.get("task")
        named = task.get("id") if isinstance(task, dict) else None
        self._by["tasks"][str(named or header.task)] += 1
        self._licenses[header.license] += 1
        self._consents[header.consent] += 1


_LEAKS = ("sessions", "examples", "sights")


def _quality(sessions: list[dict[str, Any]]) -> dict[str, Any]:
    judged = [s["success"] for s in sessions if s["success"] is not None]
    return {
        "completed": sum(judged) / len(judged) if judged else None,
        "human_score": _mean(sessions, "human_score"),
        "auto_score": _mean(sessions, "auto_score"),
    }


def _mean(sessions: list[dict[str, Any]], name: str) -> float | None:
    scores = [session[name] for session in sessions if session[name] is not None]
    return round(statistics.fmean(scores), 3) if scores else None
