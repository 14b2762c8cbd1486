"""The commands that move sessions or take them away: archive, restore."""

from __future__ import annotations

from pathlib import Path

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, print_json, progress


@click.command("archive", cls=Command)
@click.argument("names", metavar="SESSION...", nargs=-1, required=True)
@json_option
@workspace_option
def archive_sessions(names: tuple[str, ...], as_json: bool, workspace_path: Path | None) -> None:
    """Pack sessions and put them away.

    They stay listed, with all their facts, and come back with `understudy session restore`. A
    session is checked before it is packed; a damaged one is refused.
    """
    from understudy.session.archive import archive_session

    with open_workspace(workspace_path) as workspace:
        rows = []
        for name in names:
            with progress(f"packing {name} (bytes)") as report:
                rows.append(archive_session(workspace, name, report))
            if not as_json:
                row = rows[-1]
                click.echo(f"{row.id}  archived as {row.directory} ({human_bytes(row.bytes)})")
    if as_json:
        print_json(rows)


@click.command("restore", cls=Command)
@click.argument("names", metavar="SESSION...", nargs=-1, required=True)
@json_option
@workspace_option
def restore_sessions(names: tuple[str, ...], as_json: bool, workspace_path: Path | None) -> None:
    """Bring archived sessions back.

    Every file is checked against its hash on the way; until all of them fit, nothing is changed.
    """
    from understudy.session.archive import restore_session

    with open_workspace(workspace_path) as workspace:
        rows = []
        for name in names:
            with progress(f"unpacking {name} (bytes)") as report:
                rows.append(restore_session(workspace, name, report))
            if not as_json:
                row = rows[-1]
                click.echo(f"{row.id}  restored to {workspace.runs / row.directory}")
    if as_json:
        print_json(rows)
