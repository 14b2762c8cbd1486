"""``understudy run``: a whole line by its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._commands import Command, json_option, workspace_option
from understudy.cli._line_watcher import came_to, watching
from understudy.cli._output import human_seconds, print_json, print_table

if TYPE_CHECKING:
    from understudy.pipeline.stages import StageResult


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


def _facts(result: StageResult) -> dict[str, Any]:
    return {
        "stage": result.stage,
        "seconds": result.seconds,
        "reused": result.reused,
        "facts": result.facts,
    }
