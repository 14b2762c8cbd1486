"""``understudy dataset``: training files from sessions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import (
    Group,
    filter_options,
    json_option,
    open_workspace,
    workspace_option,
)
from understudy.cli._output import human_bytes, print_json, print_table, progress

if TYPE_CHECKING:
    from understudy.datasets.export import ExportReport

_MEGABYTE = 1_000_000
_SHOWN_REASONS = 12


@click.group(cls=Group)
def dataset() -> None:
    """Turn sessions into training files."""


def _selection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filters of sessions, and what only those who make training files ask for."""
    for option in (
        click.option(
            "--require-consent", is_flag=True, help="Leave out sessions without a note of consent."
        ),
        click.option(
            "--require-license", is_flag=True, help="Leave out sessions whose licence is unknown."
        ),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG", help="Only sessions with this tag."
        ),
        filter_options,
        click.option(
            "--session",
            "sessions",
            multiple=True,
            metavar="SESSION",
            help="Only this session; may be given several times.",
        ),
    ):
        function = option(function)
    return function


@dataset.command("export")
@click.option(
    "--format",
    default="openai",
    show_default=True,
    metavar="FORMAT",
    help="openai (one example a line), openai-array (one JSON array), or one that a plug-in adds.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="The file to write. The report lies beside it, as PATH.report.json.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    default=["complete"],
    show_default=True,
    type=click.Choice(["complete", "truncated", "client_closed", "upstream_error"]),
    help="Take calls that ended this way; may be given several times.",
)
@click.option(
    "--max-mb",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MB",
    help="Split files larger than this many megabytes. Default: the limit of the format.",
)
@_selection_options
@json_option
@workspace_option
@click.pass_context
def export_dataset(
    context: click.Context,
    /,
    format: str,
    output: Path,
    statuses: tuple[str, ...],
    max_mb: float | None,
    as_json: bool,
    workspace_path: Path | None,
    **filters: Any,
) -> None:
    """Write the chats of sessions as a training file.

    Each captured call is one example: the whole history that was sent, and the answer, or its
    correction where somebody gave one. Exact repeats are taken once. What is left out is
    reported, each with its reason. The exit status is 1 when no example was found.
    """
    from understudy.datasets.export import export_chats
    from understudy.datasets.selection import Selection

    with open_workspace(workspace_path) as workspace, progress("exporting sessions") as report:
        exported = export_chats(
            workspace,
            output=output,
            format=format,
            selection=Selection(**filters),
            statuses=statuses,
            max_bytes=int(max_mb * _MEGABYTE) if max_mb else None,
            progress=report,
        )
    if as_json:
        print_json(exported)
    else:
        print_export(exported)
    context.exit(0 if exported.files else 1)


def print_export(exported: ExportReport) -> None:
    """What was written, what was left out and why, and where the report lies."""
    from understudy.datasets.export import report_path

    sessions = counted(len(exported.sessions), "session")
    click.echo(f"{counted(exported.examples, 'example')} from {sessions}")
    for file in exported.files:
        click.echo(f"  {file.path} ({human_bytes(file.size)})")
    if exported.left_out:
        click.echo(f"{len(exported.left_out)} left out")
        print_table(
            ("  COUNT", "REASON"),
            [(count, reason) for reason, count in exported.reasons()[:_SHOWN_REASONS]],
        )
    click.echo(f"Each with its reason: {report_path(Path(exported.output))}")
    for warning in exported.warnings:
        click.echo(f"Note: {warning}", err=True)


@dataset.command("rebuild-array")
@click.argument(
    "path", default="training/training_data.json", type=click.Path(path_type=Path, dir_okay=False)
)
@_selection_options
@json_option
@workspace_option
def rebuild_array_file(
    path: Path, as_json: bool, workspace_path: Path | None, **filters: Any
) -> None:
    """Write a collector's array file anew from the sessions.

    PATH is training/training_data.json unless given. A file that is there is kept beside it under
    another name. Programs may go on logging meanwhile.
    """
    from understudy.datasets.rebuild import rebuild_array
    from understudy.datasets.selection import Selection

    with open_workspace(workspace_path) as workspace, progress("reading sessions") as report:
        rebuilt = rebuild_array(workspace, path, selection=Selection(**filters), progress=report)
    if as_json:
        print_json(rebuilt)
        return
    examples = counted(rebuilt.examples, "example")
    click.echo(f"{examples} in {rebuilt.path}, {len(rebuilt.left_out)} left out.")
