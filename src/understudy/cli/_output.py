"""How the command line prints: facts as JSON, tables, and the progress of long work.

Results go to standard output; progress and errors go to standard error, so that a pipe sees
results alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import click

PLAIN_EVERY_S = 5.0
"""Between two lines of progress where nobody watches."""


def print_json(facts: Any) -> None:
    """``facts`` (structs, dates and paths included) as indented JSON."""
    import msgspec

    encoded = msgspec.json.encode(facts, enc_hook=str)
    click.echo(msgspec.json.format(encoded, indent=2).decode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns of text under bold heads; numbers to the right.

    Columns in which no row has anything (0 is nothing) are left out. Nothing is cut off: on a
    narrow terminal the lines run over.
    """
    heads: list[str] = []
    drawn: list[list[str]] = []
    for index, head in enumerate(columns):
        values = [row[index] for row in rows]
        if any(values):
            numeric = all(isinstance(value, int | float | None) for value in values)
            filled, *cells = _filled([head, *_cells(values)], to_the_right=numeric)
            bold = click.style(head, bold=True)
            heads.append(filled.replace(head, bold) if head else filled)
            drawn.append(cells)
    lines = [
        "  ".join(heads).rstrip(),
        *("  ".join(cells).rstrip() for cells in zip(*drawn, strict=True)),
    ]
    click.echo("\n".join(lines))


def _cells(values: list[object]) -> list[str]:
    """``_cell`` of each; what whole columns have in common is looked at once."""
    if all(type(value) is str for value in values) and "".join(map(str, values)).isprintable():
        return list(map(str, values))
    return list(map(_cell, values))


def _filled(cells: list[str], *, to_the_right: bool) -> list[str]:
    """The cells of a column, all as wide as the widest."""
    if all(map(str.isascii, cells)):
        wide = max(map(len, cells))
        return [cell.rjust(wide) if to_the_right else cell.ljust(wide) for cell in cells]
    from rich.cells import cell_len  # some letters take two places on a terminal, some none

    widths = list(map(cell_len, cells))
    wide = max(widths)
    if to_the_right:
        return [" " * (wide - width) + cell for cell, width in zip(cells, widths, strict=True)]
    return [cell + " " * (wide - width) for cell, width in zip(cells, widths, strict=True)]


def print_facts(pairs: Sequence[tuple[str, object]]) -> None:
    """Names and values, one pair a line; pairs without a value are left out."""
    shown = [(name, _cell(value)) for name, value in pairs if value not in (None, "", [], ())]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        click.echo(f"{name:<{width}}  {value}")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return printable(str(value))


def printable(text: str) -> str:
    """``text`` on one line: a name from a recording must not be able to move the cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def human_bytes(count: float) -> str:
    """1,536 → ``1.5 kB`` (thousands, as disks are sold)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def human_seconds(seconds: float | None) -> str | None:
    """``75.2`` → ``1:15``; None stays None."""
    if seconds is None:
        return None
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


class Progress(Protocol):
    """Handed to long work: call it with how much is done and, if known, of how much."""

    def __call__(self, done: int, total: int | None = None) -> None: ...


@contextmanager
def progress(label: str) -> Iterator[Progress]:
    """Show how far ``label`` has come: a bar on a terminal, else a plain line now and then."""
    if sys.stderr is not None and sys.stderr.isatty():
        with _bar(label) as report:
            yield report
    else:
        yield _Lines(label)


@contextmanager
def _bar(label: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total=None: bar.update(task, completed=done, total=total)


class _Lines:
    """Progress where nobody watches: nothing of short work, of long work a line now and then."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._next = time.monotonic() + PLAIN_EVERY_S

    def __call__(self, done: int, total: int | None = None) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PLAIN_EVERY_S
        of = "" if total is None else f" of {total}"
        click.echo(f"{self._label}: {done}{of}", err=True)
