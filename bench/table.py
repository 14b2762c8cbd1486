"""The rows that the benchmarks find, and the one table they are printed in."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """One figure: ours beside its target, the bare limit and the peers of the same run.

    `target` is a bound on `ours` unless `target_is_ratio`: then on ours / limit.
    """

    subject: str
    what: str
    unit: str
    ours: float | None = None
    target: float | None = None
    at_least: bool = False
    target_is_ratio: bool = False
    limit: float | None = None
    limit_name: str = ""
    peers: dict[str, float] = field(default_factory=dict)

    def met(self) -> bool | None:
        """Whether the target was reached; None where there is none or nothing was measured."""
        value = self.to_limit() if self.target_is_ratio else self.ours
        if self.target is None or value is None:
            return None
        return value >= self.target if self.at_least else value <= self.target

    def to_limit(self) -> float | None:
        return _ratio(self.ours, self.limit)

    def to_peers(self) -> dict[str, float | None]:
        return {name: _ratio(self.ours, value) for name, value in self.peers.items()}


def _ratio(ours: float | None, other: float | None) -> float | None:
    # What a proxy adds can come out below zero on a busy machine: no ratio says anything then.
    return None if ours is None or other is None or other <= 0 else ours / other


def number(value: float | None) -> str:
    """A figure with as many digits as it deserves."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}"


def render(rows: Sequence[Row], width: int | None = None) -> str:
    """The table as text: ratios are ours divided by theirs."""
    heads = ("what", "target", "ours", "", "bare limit", "peers (ours ÷ theirs)")
    cells = [_cells(row) for row in rows]
    wide = [max(len(line[i]) for line in [heads, *cells]) for i in range(5)]
    room = width or shutil.get_terminal_size((170, 40)).columns
    last = max(40, room - sum(wide) - 10)
    lines = [_line(heads, wide), "  ".join("─" * n for n in [*wide, min(last, 60)])]
    subject = ""
    for row, cell in zip(rows, cells, strict=True):
        if subject and row.subject != subject:
            lines.append("")
        subject = row.subject
        first, *more = textwrap.wrap(cell[5], last) or [""]
        lines.append(_line((*cell[:5], first), wide))
        lines += [" " * (sum(wide) + 10) + text for text in more]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    sign = "≥" if row.at_least else "≤"
    target = ""
    if row.target is not None:
        of = " of limit" if row.target_is_ratio else ""
        target = f"{sign} {number(row.target)}{of}"
    limit = ""
    if row.limit is not None:
        limit = f"{row.limit_name} {number(row.limit)}"
        ratio = row.to_limit()
        if ratio is not None:
            limit += f" ({number(ratio)}×)"
    peers = ", ".join(
        f"{name} {number(row.peers[name])}" + ("" if ratio is None else f" ({number(ratio)}×)")
        for name, ratio in row.to_peers().items()
    )
    mark = {True: "✓", False: "✗", None: ""}[row.met()]
    return f"{row.what} [{row.unit}]", target, number(row.ours), mark, limit, peers


def _line(cells: tuple[str, ...], wide: list[int]) -> str:
    return (
        f"{cells[0]:<{wide[0]}}  {cells[1]:<{wide[1]}}  {cells[2]:>{wide[2]}}  "
        f"{cells[3]:<{wide[3]}}  {cells[4]:<{wide[4]}}  {cells[5]}"
    ).rstrip()
