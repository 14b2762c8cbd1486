"""The commands that change what lies where, or what is in it: scan, archive, restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, print_json, print_table, progress

if TYPE_CHECKING:
    from understudy.session.scan import ScanReport


@click.command("archive", cls=Command)
@click.argument("names", metavar="SESSION...", nargs=-1, required=True)
@json_option
@workspace_option
def archive_sessions(names: tuple[str, ...], as_json: bool, workspace_path: Path | None) -> None:
    """Pack sessions and put them away.

    They stay listed, with all their facts, and come back with `understudy session restore`. A
    session is checked before it is packed; a damaged one is refused.
    """
    with open_workspace(workspace_path) as workspace:
        rows = []
        for name in names:
            with progress(f"packing {name} (bytes)") as report:
                rows.append(workspace.archive_session(name, progress=report))
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
    with open_workspace(workspace_path) as workspace:
        rows = []
        for name in names:
            with progress(f"unpacking {name} (bytes)") as report:
                rows.append(workspace.restore(name, progress=report))
            if not as_json:
                row = rows[-1]
                click.echo(f"{row.id}  restored to {workspace.runs / row.directory}")
    if as_json:
        print_json(rows)


@click.command("scan", cls=Command)
@click.argument("names", metavar="[SESSION]...", nargs=-1)
@click.option("--mask", is_flag=True, help="Mask what is found and seal these sessions again.")
@click.option("--archived", is_flag=True, help="Look through the archive too.")
@json_option
@workspace_option
@click.pass_context
def scan_sessions(
    context: click.Context,
    names: tuple[str, ...],
    mask: bool,
    archived: bool,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Look for secrets and personal data in what was recorded.

    Without SESSION: in all of them. What is looked for is what the settings mask now. Says where
    something is and of what kind, never what it is. The exit status is 1 when something is found
    and left there, or when something could not be read.
    """
    with open_workspace(workspace_path) as workspace, progress("scanning sessions") as shown:
        report = workspace.scan(names, archived=archived, mask=mask, progress=shown)
    if as_json:
        print_json(report)
    else:
        _print_scan(report)
    left = {finding.session for finding in report.findings} - set(report.masked)
    context.exit(1 if left or report.not_read else 0)


def _print_scan(report: ScanReport) -> None:
    if report.findings:
        print_table(
            ("SESSION", "FILE", "LINE", "KIND", "COUNT"),
            [
                (found.directory, found.file, found.line, found.kind, found.count)
                for found in report.findings
            ],
        )
    for problem in report.not_read:
        click.echo(f"not read: {problem.file}: {problem.reason}")
    for descendant in report.elsewhere:
        click.echo(f"holds the same: {descendant.kind} {descendant.name} at {descendant.path}")
    found = sum(report.counts().values())
    click.echo(
        f"{report.sessions} sessions, {found} findings, {len(report.masked)} sessions masked."
    )
