"""One run of the benchmarks: what was asked for, the rows found, and what had to be left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import contest
from bench.contest import LIMITS, OURS, Contestant, NotMeasuredError
from bench.measure import Figures
from bench.table import Row


@dataclass
class Run:
    """What the subjects add their rows to."""

    quick: bool = False
    with_peers: bool = True
    rows: list[Row] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, full: int, quick: int) -> int:
        """How much work to do."""
        return quick if self.quick else full

    def measure(
        self,
        contestant: Contestant,
        subject: str,
        *,
        count: int,
        hz: float | None = None,
        folder: Path | None = None,
    ) -> Figures | None:
        """A contestant's figures, or None with the reason noted."""
        try:
            return contest.run(contestant, subject, count=count, hz=hz, folder=folder)
        except NotMeasuredError as why:
            self.skip(f"{contestant.name} ({subject}): {why}")
            return None

    def skip(self, line: str) -> None:
        """Note, once, what could not be measured and why."""
        if line not in self.skipped:
            self.skipped.append(line)

    def ours(
        self, subject: str, *, count: int, hz: float | None = None, folder: Path | None = None
    ) -> Figures:
        """Our figures; empty when they could not be measured. Lost frames are noted."""
        figures = self.measure(OURS, subject, count=count, hz=hz, folder=folder) or {}
        if figures.get("dropped"):
            self.notes.append(f"{subject}: {figures['dropped']:,} frames were dropped and counted")
        return figures

    def limit(
        self, subject: str, *, count: int, hz: float | None = None, folder: Path | None = None
    ) -> Figures:
        """A bare limit's figures; empty when they could not be measured."""
        return self.measure(LIMITS, subject, count=count, hz=hz, folder=folder) or {}

    def peers(
        self, subject: str, contestants: Sequence[tuple[Contestant, int]], hz: float | None = None
    ) -> dict[str, Figures]:
        """The figures of those peers that could be had; each with its own number of frames."""
        if not self.with_peers:
            return {}
        found = {
            peer.name: self.measure(peer, subject, count=count, hz=hz)
            for peer, count in contestants
        }
        return {name: figures for name, figures in found.items() if figures is not None}


def pick(figures: dict[str, Figures], name: str) -> dict[str, float]:
    """One figure of every peer that has it."""
    return {peer: one[name] for peer, one in figures.items() if one.get(name) is not None}
