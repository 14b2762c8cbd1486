"""How the command line tells of a line that runs: its stages, how far they are, what they made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._output import Progress, human_bytes, human_seconds
from understudy.cli._output import progress as show_progress

if TYPE_CHECKING:
    from understudy.pipeline.stages import StageResult
    from understudy.train.watching import TrainProgress


class LineWatcher:
    """Tells on the terminal how a line gets on."""

    def __init__(self, shown: ExitStack, *, quiet: bool) -> None:
        self._shown = shown
        self._quiet = quiet

    def begin(self, stage: str) -> None:
        self._shown.close()
        if not self._quiet:
            click.secho(stage, bold=True, err=True)

    def end(self, result: StageResult) -> None:
        self._shown.close()
        if not self._quiet:
            how = "reused" if result.reused else human_seconds(result.seconds)
            click.echo(f"  {came_to(result)} ({how})", err=True)

    def progress(self, label: str) -> Progress:
        self._shown.close()
        return self._shown.enter_context(show_progress(f"  {label}"))

    @contextmanager
    def training(self, name: str) -> Iterator[Callable[[TrainProgress], None]]:
        from understudy.cli._training_progress import training_progress

        self._shown.close()
        with training_progress(name) as told:
            yield told


@contextmanager
def watching(*, quiet: bool) -> Iterator[LineWatcher]:
    """A watcher that tells on the terminal how a line gets on."""
    with ExitStack() as shown:
        yield LineWatcher(shown, quiet=quiet)


def came_to(result: StageResult) -> str:
    """What a stage came to, in words."""
    facts = result.facts
    match result.stage:
        case "collect":
            return f"{len(facts['sessions']):,} sessions"
        case "score":
            return f"{facts['scored']:,} sessions scored"
        case "evaluate":
            return ", ".join(f"{p['player']} {p['success_rate']:.1%}" for p in facts["players"])
        case "data":
            return f"{facts['dataset']}, {facts['counts']['rows']:,} examples"
        case "train":
            return f"{facts['model']}, {facts['steps']:,} steps"
        case "convert":
            return f"{facts['quantisation']}, {facts['quantised']['same_word']:.1%} of words alike"
        case "validate":
            return _validated(facts)
        case "deploy":
            return f"{facts['bundle']}, {human_bytes(facts['size'])}"
        case _:
            return "passed" if facts["passed"] else "failed"


def _validated(facts: dict[str, Any]) -> str:
    from understudy.evaluate.results import COLUMNS

    shown = []
    for column in COLUMNS:
        accuracy = (facts.get(column) or {}).get("tool_call_accuracy")
        if accuracy is not None:
            shown.append(f"{column} {accuracy:.1%}")
    return ", ".join(shown) or "nothing was asked"
