"""A task: what a player is asked to do in a game, where it starts, and when it is done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from understudy.errors import GameError
from understudy.games.condition_reader import Reader
from understudy.games.conditions import Condition, Ever, Moment
from understudy.games.toml_file import TomlFile, WrongPlace

EASIEST, HARDEST = 1, 5


class TaskSpec(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One ``[[tasks]]`` as the TOML says it."""

    id: str
    words: str
    group: str
    check: dict[str, Any]
    kind: Literal["act", "report"] = "act"
    start: str = ""
    setup: list[str] = []
    reference_steps: int
    difficulty: int = 1


@dataclass(frozen=True)
class Task:
    """One task of a game.

    ``kind`` ``"act"`` is done when ``check`` holds after a step; ``"report"`` ends with the action
    ``report`` and is done when ``check`` holds then, the report's text included. ``check`` is None
    only in games that judge by themselves. ``reference_steps`` is the fewest, or a good number of
    steps; ``difficulty`` goes from 1 to 5. ``start`` names a start state of the game, empty for
    its first; ``setup`` is a recipe that follows it (both mean what the game makes of them).
    ``goal`` says what the tasks of its ``group`` are about; empty where the game does not tell.
    """

    id: str
    words: str
    group: str
    reference_steps: int
    difficulty: int = 1
    kind: Literal["act", "report"] = "act"
    start: str = ""
    setup: tuple[str, ...] = ()
    goal: str = ""
    check: Condition | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """GameError for a task that could not be played."""
        problem = _problem(self)
        if problem:
            raise GameError(f"the task {self.id!r} is wrong: {problem[1]}")


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine says about a task: done or not, and what is missing, in words."""

    success: bool
    missing: tuple[str, ...] = ()
    of: int = 1
    """How many conditions there are, those that are missing among them."""


class Progress:
    """How far a task has got since it began: what the memory was then, and what has been seen."""

    def __init__(self, task: Task, start: Mapping[str, Any]) -> None:
        """``start`` is the named memory at the start."""
        self.task = task
        self.start = dict(start)
        self.report: str | None = None
        self.held: set[int] = set()

    def observe(self, memory: Mapping[str, Any]) -> CheckResult:
        """Take notice of the memory after a step; the result then.

        A report task is never done before its report.
        """
        check = self.task.check
        if check is None:
            return CheckResult(success=False, missing=("this game judges its tasks itself",))
        moment = Moment(memory, self.start, self.report, self.held)
        for part in check.parts():
            if isinstance(part, Ever):
                part.holds(moment)
        missing = check.missing(moment)
        if self.task.kind == "report" and self.report is None:
            missing = ["no report has been given", *missing]
        of = check.count() + (self.task.kind == "report")
        return CheckResult(success=not missing, missing=tuple(missing), of=of)

    def state(self) -> dict[str, Any]:
        """Plain data from which ``from_state`` makes the same progress."""
        return {
            "task": self.task.id,
            "start": self.start,
            "report": self.report,
            "held": sorted(self.held),
        }

    @classmethod
    def from_state(cls, task: Task, state: Mapping[str, Any]) -> Progress:
        """The progress in ``task`` that ``state`` was made of."""
        progress = cls(task, state["start"])
        progress.report = state["report"]
        progress.held = set(state["held"])
        return progress


def read_tasks(
    file: TomlFile,
    specs: Iterable[TaskSpec],
    reader: Reader,
    *,
    starts: Iterable[str],
    goals: Mapping[str, str],
) -> list[Task]:
    """The tasks of a file; GameError with the line of whatever is wrong.

    ``reader`` knows the paths that checks may name, ``starts`` are the names of the start states,
    ``goals`` says of groups what their tasks are about.
    """
    known_starts = list(starts)
    tasks: dict[str, Task] = {}
    for index, spec in enumerate(specs):
        place = ("tasks", index)
        if spec.id in tasks:
            raise file.error(
                f"there is another task `{spec.id}`; give it a name of its own", *place
            )
        if spec.start and spec.start not in known_starts:
            known = ", ".join(known_starts) or "none"
            raise file.error(
                f"there is no start `{spec.start}`; there is: {known}", *place, "start"
            )
        try:
            check = reader.read(spec.check)
        except WrongPlace as problem:
            raise file.error(problem.message, *place, "check", *problem.place) from None
        found = _problem(spec)
        if found:
            raise file.error(found[1], *place, found[0])
        tasks[spec.id] = Task(
            id=spec.id,
            words=spec.words,
            group=spec.group,
            reference_steps=spec.reference_steps,
            goal=goals.get(spec.group, ""),
            difficulty=spec.difficulty,
            kind=spec.kind,
            start=spec.start,
            setup=tuple(spec.setup),
            check=check,
        )
    return list(tasks.values())


def _problem(task: Task | TaskSpec) -> tuple[str, str] | None:
    """The key that is wrong, and what is wrong with it."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", task.id):
        return "id", "an id is made of letters, digits, `-`, `_` and `.`"
    if not task.words.strip():
        return "words", "`words` say what the player is asked to do"
    if not task.group.strip():
        return "group", "`group` says which tasks it belongs to"
    if task.reference_steps < 1:
        return "reference_steps", "a task takes at least 1 step"
    if not EASIEST <= task.difficulty <= HARDEST:
        return "difficulty", f"difficulty goes from {EASIEST} to {HARDEST}"
    return None
