"""``understudy run``: a whole line by its recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._commands import Command, json_option, workspace_option
from understudy.cli._output import Progress, human_bytes, human_seconds, print_json, print_table
from understudy.cli._output import progress as show_progress

if TYPE_CHECKING:
    from understudy.pipeline.stages import StageResult
    from understudy.train.watching import TrainProgress


_PASSED = {"test": "passed", "evaluate": "promoted"}
"""By stages that can fail, the fact that says so."""


@click.command(cls=Command)
@click.argument("recipe")
@click.option("--until", metavar="STAGE", help="Stop after this stage.")
@click.option(
    "--force", multiple=True, metavar="STAGE",
    help="Do this stage again although nothing has changed; may be given several times.",
)  # fmt: skip
@json_option
@workspace_option
@click.pass_context
def run(
    context: click.Context,
    recipe: str,
    until: str | None,
    force: tuple[str, ...],
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Run a whole line by its recipe.

    That of a Dungeon Master has the stages data, train, convert, validate, deploy, test; that of an
    agent collect, score, data, train, evaluate. RECIPE is a TOML file, or the name of one that
    comes with Understudy. A stage whose inputs have not changed is not done again. The exit status
    is 1 when what was deployed fails its test, or an agent is not shown to play better than its
    base.
    """
    from understudy.pipeline.recipes.opening import open_line
    from understudy.pipeline.recipes.recipe import find_recipe
    from understudy.session.workspace import Workspace

    path = find_recipe(recipe)
    with Workspace(workspace_path) as workspace, watching(quiet=as_json) as watcher:
        results = open_line(workspace, path, watcher).run(until=until, force=force)
    if as_json:
        print_json([_facts(result) for result in results])
    else:
        click.echo()
        print_table(
            ("STAGE", "TIME", "REUSED", "CAME TO"),
            [
                (one.stage, human_seconds(one.seconds), one.reused or None, came_to(one))
                for one in results
            ],
        )
    failed = any(one.facts[_PASSED[one.stage]] is False for one in results if one.stage in _PASSED)
    context.exit(1 if failed else 0)


class _Watcher:
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
def watching(*, quiet: bool) -> Iterator[_Watcher]:
    """A watcher that tells on the terminal how a line gets on."""
    with ExitStack() as shown:
        yield _Watcher(shown, quiet=quiet)


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
    shown = []
    for column in ("base", "tuned", "quantized"):
        accuracy = (facts.get(column) or {}).get("tool_call_accuracy")
        if accuracy is not None:
            shown.append(f"{column} {accuracy:.1%}")
    return ", ".join(shown) or "nothing was asked"


def _facts(result: StageResult) -> dict[str, Any]:
    return {
        "stage": result.stage,
        "seconds": result.seconds,
        "reused": result.reused,
        "facts": result.facts,
    }
