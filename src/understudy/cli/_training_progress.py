"""How the command line shows a training that runs: steps, loss and what time is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from understudy.cli._output import PLAIN_EVERY_S, human_seconds

if TYPE_CHECKING:
    from understudy.train.watching import TrainProgress


@contextmanager
def training_progress(name: str) -> Iterator[Callable[[TrainProgress], None]]:
    """A bar on a terminal, else a plain line now and then."""
    if sys.stderr is not None and sys.stderr.isatty():
        with _bar(name) as report:
            yield report
    else:
        yield _Lines(name)


@contextmanager
def _bar(name: str) -> Iterator[Callable[[TrainProgress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("training {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None, told="")

        def report(now: TrainProgress) -> None:
            bar.update(task, completed=now.step, total=now.steps, told=", ".join(told_of(now)))

        yield report


class _Lines:
    """Where nobody watches: nothing of short work, of long work a line now and then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = time.monotonic() + PLAIN_EVERY_S

    def __call__(self, now: TrainProgress) -> None:
        clock = time.monotonic()
        if clock < self._next:
            return
        self._next = clock + PLAIN_EVERY_S
        told = ", ".join((f"step {now.step} of {now.steps}", *told_of(now)))
        click.echo(f"training {self._name}: {told}", err=True)


def told_of(now: TrainProgress) -> list[str]:
    """What is known beside the step: losses, and the time that is left."""
    told = []
    if now.loss is not None:
        told.append(f"loss {now.loss:.3f}")
    if now.validation_loss is not None:
        told.append(f"validation {now.validation_loss:.3f}")
    if now.remaining_s is not None:
        told.append(f"{human_seconds(now.remaining_s)} left")
    return told
