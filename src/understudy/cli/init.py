"""``understudy init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy.cli._commands import Command

if TYPE_CHECKING:
    from understudy.pipeline.npm import NpmSetup


@click.command(cls=Command)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--npm",
    is_flag=True,
    help="DIRECTORY is the folder of an app (default: the current one): give its package.json the "
    "scripts train, train:validate and so on, with a launcher, a recipe and a workspace in "
    "ai-training.",
)
@click.option(
    "--source",
    default="",
    metavar="WHERE",
    help="With --npm: where the launcher installs Understudy from, a folder, an archive or "
    "git+URL. Default: where this one was installed from.",
)
@click.option(
    "--force", is_flag=True, help="With --npm: replace scripts and files that are there and differ."
)
def init(directory: Path | None, npm: bool, source: str, force: bool) -> None:
    """Make a workspace.

    Without DIRECTORY: where the other commands look for one, that is $UNDERSTUDY_WORKSPACE, else
    ./understudy. A workspace that is there already is left as it is.
    """
    if npm:
        from understudy.pipeline.npm import set_up_npm

        _show(set_up_npm(directory or Path(), source=source, force=force))
        return
    if source or force:
        raise click.UsageError("--source and --force belong to --npm.")
    from understudy.store.folder import SETTINGS_NAME, WorkspaceFolder, resolve_workspace_path

    path = resolve_workspace_path(directory)
    was_there = (path / SETTINGS_NAME).exists()
    with WorkspaceFolder(path) as folder:
        click.echo(f"{'Already a workspace' if was_there else 'Made a workspace'}: {folder.path}")
        click.echo(f"settings  {folder.path / SETTINGS_NAME}")
        click.echo(f"sessions  {folder.runs}")


def _show(made: NpmSetup) -> None:
    click.echo(f"npm scripts in {made.app}, with Understudy from {made.source}")
    for file in made.files:
        click.echo(f"{file.became:<10} {file.path}")
    for script in made.scripts:
        click.echo(f"{script.became:<10} npm run {script.name}: {script.command}")
    kept = [file.path for file in made.files if file.became == "kept"]
    kept += [f"the script {script.name}" for script in made.scripts if script.became == "kept"]
    if kept:
        click.echo(
            f"Kept as they were, although they differ: {', '.join(kept)}. --force replaces them.",
            err=True,
        )
    click.echo("Next: npm run train")
