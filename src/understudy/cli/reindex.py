"""``understudy reindex``."""

from __future__ import annotations

from pathlib import Path

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json, progress


@click.command(cls=Command)
@json_option
@workspace_option
@click.pass_context
def reindex(context: click.Context, as_json: bool, workspace_path: Path | None) -> None:
    """Rebuild the catalog from the directories.

    For a catalog that was lost or damaged, and for sessions that were copied in by hand. The
    sessions themselves are not touched; a damaged catalog file is put aside, not deleted. The
    exit status is 1 when a folder could not be taken in.
    """
    with open_workspace(workspace_path) as workspace, progress("reading sessions") as shown:
        report = workspace.reindex(progress=shown)
    if as_json:
        print_json(report)
    else:
        if report.put_aside is not None:
            click.echo(f"The damaged catalog was put aside as {report.put_aside}.", err=True)
        for problem in report.problems:
            click.echo(f"not taken in: {problem.file}: {problem.reason}")
        click.echo(
            f"{report.catalog} holds {counted(report.sessions, 'session')} and "
            f"{counted(report.archived, 'archived one')}."
        )
    context.exit(1 if report.problems else 0)
