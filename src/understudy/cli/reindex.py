"""``understudy reindex``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json


@click.command(cls=Command)
@json_option
@workspace_option
def reindex(as_json: bool, workspace_path: Path | None) -> None:
    """Rebuild the catalog from the directories.

    For a catalog that was lost or damaged, and for sessions that were copied in by hand. The
    sessions themselves are not touched; a damaged catalog file is put aside, not deleted.
    """
    with open_workspace(workspace_path) as workspace:
        aside = workspace.empty_catalog()
        count = workspace.adopt()
        where = workspace.catalog.where
    if as_json:
        print_json({"sessions": count, "catalog": where, "put_aside": aside})
        return
    if aside is not None:
        click.echo(f"The damaged catalog was put aside as {aside}.", err=True)
    click.echo(f"{count} sessions are in the catalog {where}.")
