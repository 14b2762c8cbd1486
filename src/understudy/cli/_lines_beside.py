"""How the command line tells of lines that run beside each other, in one place for all of them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from understudy.cli._output import PLAIN_EVERY_S, Progress
from understudy.cli._training_progress import told_of

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from understudy.pipeline.stages import StageResult
    from understudy.train.watching import TrainProgress

Ended = Callable[[str, "StageResult"], None]
"""Called with the title of a line and what a stage of it came to, when nothing else is shown."""


@contextmanager
def lines_beside(titles: Sequence[str], ended: Ended) -> Iterator[list[Lane]]:
    """A watcher for each line: a bar for each on a terminal, else plain lines now and then.

    They may be told from any thread.
    """
    board = _Board() if sys.stderr is None or not sys.stderr.isatty() else _BarBoard()
    try:
        yield [Lane(title, board, ended) for title in titles]
    finally:
        board.close()


class Lane:
    """Tells how one of the lines gets on."""

    def __init__(self, title: str, board: _Board, ended: Ended) -> None:
        self._title = title
        self._board = board
        self._ended = ended
        self._stage = ""

    def begin(self, stage: str) -> None:
        self._stage = stage
        self._board.show(self._title, stage)

    def end(self, result: StageResult) -> None:
        with self._board.aside(self._title):
            self._ended(self._title, result)

    def progress(self, label: str) -> Progress:
        def told(done: int, total: int | None = None) -> None:
            of = "" if total is None else f" of {total}"
            self._board.show(self._title, self._stage, f"{label}: {done}{of}", done, total)

        return told

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[TrainProgress], None]]:
        def told(now: TrainProgress) -> None:
            words = ", ".join((f"step {now.step} of {now.steps}", *told_of(now)))
            self._board.show(self._title, self._stage, words, now.step, now.steps)

        yield told


class _Board:
    """Where nobody watches: of each line, a plain line now and then."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._next: dict[str, float] = {}

    def show(
        self, title: str, stage: str, words: str = "", done: int = 0, total: int | None = None
    ) -> None:
        """How far a line is: its stage, what it does there, and how much of it is done."""
        now = time.monotonic()
        with self._lock:
            if words and now >= self._next.setdefault(title, now + PLAIN_EVERY_S):
                self._next[title] = now + PLAIN_EVERY_S
                click.echo(f"{title}: {stage}: {words}", err=True)

    @contextmanager
    def aside(self, title: str) -> Iterator[None]:
        """While it is open, others wait; what was shown of ``title`` is over."""
        with self._lock:
            self._next.pop(title, None)
            yield

    def close(self) -> None:
        """Show nothing any more."""


class _BarBoard(_Board):
    """On a terminal, below what was printed: a bar for each line."""

    def __init__(self) -> None:
        super().__init__()
        self._tasks: dict[str, tuple[str, TaskID]] = {}
        self._bars: Bars = self._made()

    def _made(self) -> Bars:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        told = TextColumn("{task.fields[words]}")
        return Bars(
            *columns, told, console=Console(stderr=True), transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip

    def show(
        self, title: str, stage: str, words: str = "", done: int = 0, total: int | None = None
    ) -> None:
        with self._lock:
            self._bars.start()
            shown = self._tasks.get(title)
            if shown is None or shown[0] != stage:
                self._drop(title)
                task = self._bars.add_task(f"{title}: {stage}", total=None, words="")
                shown = self._tasks[title] = (stage, task)
            self._bars.update(shown[1], completed=done, total=total, words=words)

    @contextmanager
    def aside(self, title: str) -> Iterator[None]:
        with super().aside(title):
            self._drop(title)
            self._bars.stop()
            yield
            if self._tasks:
                self._bars.start()

    def close(self) -> None:
        self._bars.stop()

    def _drop(self, title: str) -> None:
        shown = self._tasks.pop(title, None)
        if shown is not None:
            self._bars.remove_task(shown[1])
