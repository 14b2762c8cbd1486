"""``understudy maintain``: the work that comes round every week and every month.

Each part is done by itself and reported; one that fails does not keep the others from their work.
Nothing is changed unless it is asked for: without that, each part says what it would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from filelock import FileLock, Timeout

from understudy.errors import UnderstudyError, WorkspaceError
from understudy.evaluate.suites import DEFAULT_LIMIT
from understudy.store.atomic import write_atomic
from understudy.store.building_place import refusals

if TYPE_CHECKING:
    from understudy.pipeline.recipes.stage_line import Progress, Watcher
    from understudy.session.workspace import Workspace
    from understudy.train.watching import TrainProgress

When = Literal["weekly", "monthly"]
State = Literal["done", "nothing", "planned", "failed"]
FOLDER = "maintenance"
"""Where the reports lie in the workspace."""
_MARKS = {"done": "done", "nothing": "nothing to do", "planned": "would do", "failed": "failed"}


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a part."""

    state: State
    """``planned`` is what would be done; ``failed`` also what was found to be damaged."""
    said: str
    """In half a sentence, with what to do where it failed."""
    facts: dict[str, Any] = {}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the maintenance that was tried."""

    name: str
    about: str
    """The model or whatever else it is about; empty where it is about all."""
    outcome: Outcome

    @property
    def failed(self) -> bool:
        return self.outcome.state == "failed"


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """All that was done, or would be."""

    when: When
    workspace: Path
    applied: bool
    began: str
    """ISO 8601, UTC."""
    parts: list[Part]
    report: Path | None = None
    """The file that tells it; None where nothing was to be changed."""

    @property
    def ok(self) -> bool:
        """Whether no part failed."""
        return not any(part.failed for part in self.parts)


class Unwatched:
    """A line's watcher where nobody wants to know."""

    def begin(self, stage: str) -> None:
        """As of a line."""

    def end(self, result: object) -> None:
        """As of a line."""

    def progress(self, label: str) -> Progress:
        """As of a line."""
        return lambda done, total: None

    def training(self, name: str) -> AbstractContextManager[Callable[[TrainProgress], None]]:
        """As of a line."""
        return nullcontext(lambda now: None)


@dataclass(frozen=True, kw_only=True)
class Order:
    """How the maintenance is to be done."""

    apply: bool = False
    recipes: tuple[Path, ...] = ()
    """Those whose data are brought up to date first."""
    settings: tuple[str, ...] = ()
    """``KEY=VALUE`` words for the training, over its gentle defaults."""
    limit: int = DEFAULT_LIMIT
    """Cases of a validation set, at most."""
    watcher: Watcher = field(default_factory=Unwatched)


Work = Callable[[], Outcome]
Plan = Iterator[tuple[str, str, Work]]
"""Name of a part, what it is about, and what does it. Drawn one by one: what a part finds may
decide what follows."""


def maintain(
    workspace: Workspace,
    when: When,
    order: Order,
    *,
    report: Callable[[Part], None] = lambda part: None,
) -> Maintenance:
    """Do what is due ``when``; ``report`` hears of each part once it is done.

    Raises WorkspaceError while another maintenance of the workspace is at work.
    """
    from understudy.pipeline.maintenance_monthly import monthly
    from understudy.pipeline.maintenance_weekly import weekly

    began = datetime.now(UTC)
    plan = weekly(workspace, order) if when == "weekly" else monthly(workspace, order)
    lock = FileLock(workspace.internal / "maintenance.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise WorkspaceError(
            f"another maintenance of {workspace.path} is at work; wait until it is done"
        ) from error
    with lock:
        parts = []
        for name, about, work in plan:
            part = Part(name=name, about=about, outcome=tried(work))
            parts.append(part)
            report(part)
        done = Maintenance(
            when=when,
            workspace=workspace.path,
            applied=order.apply,
            began=began.isoformat(timespec="seconds"),
            parts=parts,
        )
        if not order.apply:
            return done
        path = workspace.path / FOLDER / f"{began:%Y%m%d_%H%M%S}_{when}.md"
        with refusals(path.parent):
            path.parent.mkdir(exist_ok=True)
        write_atomic(path, markdown(done).encode())
        return msgspec.structs.replace(done, report=path)


def markdown(done: Maintenance) -> str:
    """The report for people."""
    failed = sum(part.failed for part in done.parts)
    lines = [
        f"# {done.when.capitalize()} maintenance of {done.began[:16].replace('T', ' ')} UTC",
        f"{len(done.parts)} parts, {failed} failed. Workspace: {done.workspace}",
    ]
    for part in done.parts:
        about = f" ({part.about})" if part.about else ""
        said = f"{_MARKS[part.outcome.state]}: {part.outcome.said}"
        lines.append(f"- **{part.name}{about}** {said}")
        lines += [f"    - {line}" for line in part.outcome.facts.get("lines", ())]
    return "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:]) + "\n"


def done(said: str, **facts: Any) -> Outcome:
    return Outcome(state="done", said=said, facts=facts)


def nothing(said: str, **facts: Any) -> Outcome:
    return Outcome(state="nothing", said=said, facts=facts)


def planned(said: str, **facts: Any) -> Outcome:
    return Outcome(state="planned", said=said, facts=facts)


def failed(said: str, **facts: Any) -> Outcome:
    return Outcome(state="failed", said=said, facts=facts)


def some(names: Sequence[str], most: int = 3) -> str:
    """The first of many things, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def tried(work: Work) -> Outcome:
    """What ``work`` came to; whatever it raises is a failure in words."""
    try:
        return work()
    except UnderstudyError as error:
        return failed(str(error))
    except Exception as error:  # whatever a library throws: the other parts have work to do
        return failed(
            f"{type(error).__name__}: {error}; run it alone with --debug, and report what it says"
        )
