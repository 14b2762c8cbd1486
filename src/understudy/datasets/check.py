"""Looking a version of a dataset over: its files to the last bit, and every row of it.

An error is something that training must not meet; a warning is something to know. Each names the
row it was found in.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from understudy.curate.duplicates import state_digest
from understudy.datasets.leaks import LeakCheck, Leaks, row_digest
from understudy.datasets.versions import DatasetVersion
from understudy.errors import DatasetError, UnderstudyError
from understudy.formats.dataset_rows import AgentRow, ChatRow, Row
from understudy.formats.instruction_chat import action_name
from understudy.formats.openai_rules import validate_example
from understudy.formats.pictures import is_png
from understudy.store.manifest import check_files

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

MOST_OF_ONE = 0.6
"""The share of rows from which one action is warned of."""
LONGEST = 8_000
"""Characters from which a text is warned of: about two thousand tokens."""
_MOST_FINDINGS = 1_000
"""Of one kind that are named; the rest is counted."""
_TOLD_EVERY = 64

Level = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is wrong or odd."""

    level: Level
    what: str
    """The kind: ``file``, ``schema``, ``empty``, ``action``, ``picture``, ``duplicate``, ``leak``,
    ``balance``, ``conflict``, ``length``, ``forgotten`` or ``changed``."""
    reason: str
    row: str = ""
    """Such as ``train:17``, counted from 1; empty where it is about no single row."""
    session: str = ""
    """Its id, or the name of the scenario."""
    step: int | None = None


class CheckReport(msgspec.Struct, kw_only=True):
    """What was found."""

    dataset: str
    ok: bool = True
    """Whether there is no error."""
    rows: dict[str, int] = {}
    findings: list[Finding] = []
    unnamed: dict[str, int] = {}
    """Kind → how many findings of it are not listed, because there are too many."""
    leaks: Leaks = Leaks()
    actions: dict[str, int] = {}
    """Action → rows."""
    lengths: dict[str, dict[str, float]] = {}
    """Of each text: the shortest, the median, and the longest, in characters."""
    notes: list[str] = []
    """What could not be looked at, and why."""

    @property
    def errors(self) -> int:
        return sum(finding.level == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        return len(self.findings) - self.errors


def check_version(
    version: DatasetVersion,
    *,
    known_actions: Mapping[str, Sequence[str]] | None = None,
    changed_sessions: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> CheckReport:
    """Everything that is wrong with ``version``.

    ``known_actions``: by game, what can be done in it; the actions of other games are taken as they
    are. ``changed_sessions`` are those that `sealed_anew` names. Raises DatasetError for a version
    whose data were taken away.
    """
    if version.removed:
        raise DatasetError(f"{version.ref} has lost its data because a session was forgotten")
    check = _Check(version, known_actions or {})
    check.files()
    for session in changed_sessions:
        reason = (
            f"session {session} was sealed anew since: something in it was masked; build it again"
        )
        check.find("warning", "changed", reason)
    total = sum(version.facts.get("counts", {}).get(split, 0) for split in version.splits)
    done = 0
    for split in version.splits:
        number = 0
        try:
            for number, row in enumerate(version.rows(split), start=1):
                check.row(split, number, row)
                done += 1
                if progress is not None and done % _TOLD_EVERY == 0:
                    progress(done, total)
        except UnderstudyError as error:
            check.find("error", "schema", f"{split}.parquet cannot be read on: {error}")
        check.report.rows[split] = number
    return check.finish()


def sealed_anew(workspace: Workspace, version: DatasetVersion) -> list[str]:
    """The sessions of ``version`` whose seal is another one by now."""
    seals = {row.id: row.sealed_sha256 for row in workspace.rows()}
    return [
        parent.id
        for parent in version.manifest.parents
        if parent.kind == "session" and seals.get(parent.id, parent.sha256) != parent.sha256
    ]


class _Check:
    """One look over a version."""

    def __init__(self, version: DatasetVersion, known: Mapping[str, Sequence[str]]) -> None:
        self.report = CheckReport(dataset=version.ref)
        self._version = version
        self._known = {game: set(names) for game, names in known.items()}
        self._leaks = LeakCheck()
        self._seen: dict[bytes, str] = {}
        self._states: dict[bytes, tuple[str, str]] = {}
        self._named: Counter[str] = Counter()
        self._actions: Counter[str] = Counter()
        self._lengths: dict[str, Counter[int]] = {}
        self._place: dict[str, Any] = {}
        self._unknown: set[str] = set()

    def find(self, level: Level, what: str, reason: str) -> None:
        self._named[what] += 1
        if level == "error":
            self.report.ok = False
        if self._named[what] > _MOST_FINDINGS:
            self.report.unnamed[what] = self.report.unnamed.get(what, 0) + 1
            return
        finding = Finding(level=level, what=what, reason=reason, **self._place)
        self.report.findings.append(finding)

    def files(self) -> None:
        for problem in check_files(self._version.folder, self._version.manifest):
            self.find("error", "file", f"{problem.file} {problem.reason}")
        for session in self._version.forgotten:
            self.find("warning", "forgotten", f"it holds session {session}, which was forgotten")

    def row(self, split: str, number: int, row: Row) -> None:
        self._place = {"row": f"{split}:{number}", "session": row.origin, "step": row.n}
        for leak in self._leaks.add(split, row):
            self.find("error", "leak", leak)
        seen = row_digest(row)
        if seen in self._seen:
            self.find("warning", "duplicate", f"it is the same as {self._seen[seen]}")
        else:
            self._seen[seen] = self._place["row"]
        if isinstance(row, AgentRow):
            self._step(row)
        else:
            self._chat(row)
        self._place = {}

    def finish(self) -> CheckReport:
        report = self.report
        report.leaks = self._leaks.leaks
        if report.leaks.sights:
            what = "pictures with the same action" if self._version.kind == "agent" else "questions"
            self.find("warning", "leak", f"{report.leaks.sights} {what} are in two splits or more")
        total = self._actions.total()
        for action, count in self._actions.most_common(1):
            if count > MOST_OF_ONE * total:
                reason = f"{action} is the action of {count / total:.0%} of the rows"
                self.find("warning", "balance", reason)
        report.actions = dict(self._actions.most_common())
        report.lengths = {name: _spread(lengths) for name, lengths in self._lengths.items()}
        for split, count in report.rows.items():
            said = self._version.facts.get("counts", {}).get(split)
            if said != count:
                self.find("error", "schema", f"{split} has {count} rows where {said} were sealed")
        report.notes = [
            f"what can be done in {game or 'a game without a name'} is not known here, so its "
            "actions were not checked"
            for game in sorted(self._unknown)
        ]
        return report

    def _step(self, found: AgentRow) -> None:
        row = found.row
        for name in ("instruction", "action"):
            if not getattr(row, name).strip():
                self.find("error", "empty", f"its {name} is empty")
        for name in ("reasoning", "expected_outcome", "goal"):
            if not getattr(row, name).strip():
                self.find("warning", "empty", f"its {name} is empty")
        if found.picture is None:
            self.find("warning", "picture", "it has no picture")
        elif not is_png(found.picture):
            self.find("error", "picture", "its picture is no PNG")
        action = action_name(row.action)
        self._actions[action] += 1
        known = self._known.get(row.game)
        if known is None:
            self._unknown.add(row.game)
        elif action not in known:
            self.find("error", "action", f"{action!r} is no action of {row.game}")
        state = state_digest(row, found.picture)
        first = self._states.setdefault(state, (row.action, self._place["row"]))
        if first[0] != row.action:
            reason = f"the same state as in {first[1]}, where the action is {first[0]!r}"
            self.find("warning", "conflict", reason)
        for name in ("instruction", "memory_context", "reasoning", "expected_outcome"):
            self._length(name, len(getattr(row, name)))

    def _chat(self, row: ChatRow) -> None:
        for reason in validate_example(row.example, bare_results=True):
            self.find("error", "schema", reason)
        texts = [str(message.get("content") or "") for message in row.example.get("messages", ())]
        if texts:
            self._length("question", sum(map(len, texts[:-1])))
            self._length("answer", len(texts[-1]))

    def _length(self, name: str, length: int) -> None:
        self._lengths.setdefault(name, Counter())[length] += 1
        if length > LONGEST:
            self.find("warning", "length", f"its {name} has {length:,} characters")


def _spread(lengths: Counter[int]) -> dict[str, float]:
    return {
        "shortest": min(lengths),
        "median": statistics.median(lengths.elements()),
        "longest": max(lengths),
    }
