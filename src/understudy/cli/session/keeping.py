"""The commands that change what lies where, or what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, print_json, print_table, progress

if TYPE_CHECKING:
    from understudy.session.keeping.retention import PlannedAction
    from understudy.session.keeping.scan import ScanReport
    from understudy.session.workspace import Workspace


@click.command("archive", cls=Command)
@click.argument("names", metavar="[SESSION]...", nargs=-1)
@click.option(
    "--by-rules",
    is_flag=True,
    help="Instead of SESSION: what the rules in [retention] of the settings ask for. Shows the "
    "plan; nothing is done without --apply.",
)
@click.option("--apply", is_flag=True, help="Do what --by-rules has planned.")
@json_option
@workspace_option
@click.pass_context
def archive_sessions(
    context: click.Context,
    names: tuple[str, ...],
    by_rules: bool,
    apply: bool,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Pack sessions and put them away.

    They stay listed, with all their facts, and come back with `understudy session restore`. A
    session is checked before it is packed; a damaged one is refused. The rules may also ask for
    sessions with a low score to be forgotten for good.
    """
    if by_rules == bool(names):
        raise click.UsageError("Name the sessions, or give --by-rules.")
    if apply and not by_rules:
        raise click.UsageError("--apply belongs to --by-rules.")
    with open_workspace(workspace_path) as workspace:
        if by_rules:
            well = _keep_rules(workspace, apply=apply, as_json=as_json)
            context.exit(0 if well else 1)
        rows = []
        for name in names:
            with progress(f"packing {name} (bytes)") as report:
                rows.append(workspace.archive_session(name, progress=report))
            if not as_json:
                row = rows[-1]
                click.echo(f"{row.id}  archived as {row.directory} ({human_bytes(row.bytes)})")
    if as_json:
        print_json(rows)


def _keep_rules(workspace: Workspace, *, apply: bool, as_json: bool) -> bool:
    """Show or do what the rules ask for; whether nothing failed."""
    from understudy.pipeline.forgetting import forget
    from understudy.session.keeping.retention import apply_retention, plan_retention

    plan = plan_retention(workspace)
    if not apply:
        if as_json:
            print_json(plan)
        else:
            _print_plan(plan)
        return True
    with progress("keeping the rules") as report:
        applied = apply_retention(
            workspace, plan, forget=lambda name: forget(workspace, name), progress=report
        )
    failed = [action for action in applied if action.problem is not None]
    if as_json:
        print_json(applied)
    else:
        for action in failed:
            click.echo(f"{action.planned.directory}: not done: {action.problem}")
        click.echo(f"{len(applied) - len(failed)} done, {len(failed)} not.")
    return not failed


def _print_plan(plan: list[PlannedAction]) -> None:
    if not plan:
        click.echo("The rules ask for nothing.")
        return
    print_table(
        ("SESSION", "TO DO", "SIZE", "BECAUSE"),
        [
            (action.directory, action.action, human_bytes(action.bytes), action.reason)
            for action in plan
        ],
    )
    click.echo("Nothing was done: give --apply to do it.")


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
        f"{counted(report.sessions, 'session')}, {counted(found, 'finding')}, "
        f"{counted(len(report.masked), 'session')} masked."
    )


@click.command("merge", cls=Command)
@click.argument("other", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@workspace_option
@click.pass_context
def merge_sessions(
    context: click.Context, other: Path, as_json: bool, workspace_path: Path | None
) -> None:
    """Take in the sessions of another workspace, by identity.

    DIR is only read, and nothing that is here is overwritten: a session that is here already is
    given the feedback that it got there. The exit status is 1 when a session could not be taken.
    """
    with open_workspace(workspace_path) as workspace, progress("merging sessions") as shown:
        report = workspace.merge(other, progress=shown)
    if as_json:
        print_json(report)
    else:
        for note in (*report.conflicts, *report.problems):
            click.echo(f"{note.directory}: {note.reason}")
        click.echo(
            f"{len(report.taken)} taken in, {len(report.known)} known, "
            f"{len(report.conflicts)} with other content here, {len(report.problems)} not taken; "
            f"{counted(report.feedback, 'entry', 'entries')} of feedback added."
        )
    context.exit(1 if report.conflicts or report.problems else 0)
