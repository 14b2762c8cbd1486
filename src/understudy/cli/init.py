"""``understudy init``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command


@click.command(cls=Command)
@click.argument("directory", required=False, type=click.Path(path_type=Path))
def init(directory: Path | None) -> None:
    """Make a workspace.

    Without DIRECTORY: where the other commands look for one, that is $UNDERSTUDY_WORKSPACE, else
    ./understudy. A workspace that is there already is left as it is.
    """
    from understudy.store.folder import SETTINGS_NAME, WorkspaceFolder, resolve_workspace_path

    path = resolve_workspace_path(directory)
    was_there = (path / SETTINGS_NAME).exists()
    with WorkspaceFolder(path) as folder:
        click.echo(f"{'Already a workspace' if was_there else 'Made a workspace'}: {folder.path}")
        click.echo(f"settings  {folder.path / SETTINGS_NAME}")
        click.echo(f"sessions  {folder.runs}")
