"""The command that removes sessions for good."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, print_json

if TYPE_CHECKING:
    from understudy.pipeline.forgetting import Forgetting


@click.command("forget", cls=Command)
@click.argument("names", metavar="SESSION...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Build the datasets and exports that hold them again, without them.",
)
@click.option(
    "--array",
    "arrays",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Take their examples out of this array file too, beside that of their collector.",
)
@json_option
@workspace_option
def forget_sessions(
    names: tuple[str, ...],
    yes: bool,
    rebuild: bool,
    arrays: tuple[Path, ...],
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Remove sessions for good.

    From disk, archive, catalog and the array file that their collector wrote; there is no way back.
    Says what was made from them before: each dataset, model, bundle and exported file that holds
    what they held is listed and marked.
    """
    from understudy.pipeline.forgetting import forget, plan

    with open_workspace(workspace_path) as workspace:
        plans = [plan(workspace, name, arrays=arrays) for name in names]
        if not yes:
            for planned in plans:
                _print_forgetting(planned, err=as_json)
            if sys.stdin is None or not sys.stdin.isatty():
                raise click.UsageError(
                    "Nothing was forgotten: give --yes where nobody can be asked."
                )
            click.confirm("Forget them for good?", abort=True)
        done = [
            forget(workspace, planned.forgotten.session, arrays=arrays, rebuild=rebuild)
            for planned in plans
        ]
    if as_json:
        print_json(done)
        return
    for forgotten in done:
        _print_forgetting(forgotten)
    click.echo(f"{counted(len(done), 'session')} forgotten.")


def _print_forgetting(forgetting: Forgetting, *, err: bool = False) -> None:
    report = forgetting.forgotten
    click.echo(f"{report.session}  {report.directory} ({human_bytes(report.bytes)})", err=err)
    for change in forgetting.arrays:
        if change.problem is not None:
            said = f"may still hold examples of it: {change.problem}"
        elif change.removed is None:
            said = "is searched for examples of it"
        else:
            said = f"{counted(change.removed, 'example')} taken out"
        click.echo(f"  array file {change.path}: {said}", err=err)
    for made in report.descendants:
        how = "holds it" if made.direct else "was made from what holds it"
        name = " ".join(part for part in (made.kind, made.name, made.version) if part)
        click.echo(f"  {name} {how}: {made.path}", err=err)
    for rebuilt in forgetting.rebuilt:
        if rebuilt.problem is not None:
            said = f"not built again: {rebuilt.problem}"
        elif rebuilt.files:
            said = "made again without it" + (f", {rebuilt.note}" if rebuilt.note else "")
        elif rebuilt.note:
            said = rebuilt.note
        else:
            said = "held nothing else and was removed"
        click.echo(f"  {rebuilt.what.path}: {said}", err=err)
    for problem in report.unreadable:
        click.echo(f"  may hold it, but cannot be read: {problem.file}: {problem.reason}", err=err)
