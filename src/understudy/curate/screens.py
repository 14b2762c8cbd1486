"""How many distinct screens of each game were seen, and when: only the traces tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.errors import UnderstudyError
from understudy.session.steps import AgentStep
from understudy.session.trace_file import read_trace

if TYPE_CHECKING:
    from understudy.store.catalog.schema import SessionRow


class Screens(msgspec.Struct, kw_only=True):
    """Distinct screens, told apart by the digest that each step carries of its picture."""

    by_game: dict[str, int] = {}
    by_day: dict[str, int] = {}
    """UTC day → how many had been seen until its end, over all games, in order."""
    unread: int = 0
    """Sessions whose trace could not be read: archived, gone or damaged."""


def gather_screens(
    rows: list[SessionRow], runs: Path, *, progress: Callable[[int, int], None] | None = None
) -> Screens:
    """The screens that were seen in the played ones of ``rows``; reads their traces in ``runs``."""
    found = Screens()
    seen: dict[str, set[str]] = defaultdict(set)
    for number, row in enumerate(sorted(rows, key=lambda row: row.started), start=1):
        if row.play is not None:
            try:
                seen[row.game].update(_screens(runs / row.directory / "trace.jsonl"))
            except (UnderstudyError, OSError):
                found.unread += 1
            found.by_day[row.started[:10]] = sum(map(len, seen.values()))
        if progress is not None:
            progress(number, len(rows))
    found.by_game = {game: len(screens) for game, screens in sorted(seen.items())}
    return found


def _screens(trace: Path) -> Iterator[str]:
    if not trace.exists():
        raise FileNotFoundError(trace)
    for step in read_trace(trace):
        if isinstance(step, AgentStep):
            for name in ("screen", "screen_after"):
                digest = step.facts.get(name)
                if isinstance(digest, str):
                    yield digest
