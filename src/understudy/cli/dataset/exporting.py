"""The command that writes training files: from a dataset, or straight from sessions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import human_bytes, print_json, progress
from understudy.cli.dataset._options import (
    calls_option,
    print_reasons,
    print_warnings,
    selection_options,
    source_options,
)

if TYPE_CHECKING:
    from understudy.datasets.export import ExportReport
    from understudy.formats.hf_parquet import Kind
    from understudy.formats.tool_spelling import Calls
    from understudy.session.workspace import Workspace

_MEGABYTE = 1_000_000
_OF_SESSIONS = "NAME stands for a dataset, whose sessions were chosen when it was built"


@click.command("export", cls=Command)
@click.argument("name", required=False)
@click.option(
    "--format",
    default="openai",
    show_default=True,
    metavar="FORMAT",
    help="vllm, openai, openai-array, openai-preference, trl, trl-preference, trl-unpaired, "
    "sharegpt, alpaca, parquet, or one that a plug-in adds.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The file to write; of a dataset also a folder, for a file of each split. The report lies "
    "beside it, as PATH.report.json.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    help="Only this split of the dataset.",
)
@click.option(
    "--kind",
    type=click.Choice(["agent", "chat", "preference"]),
    help="Without NAME: export the steps of players, the calls to chat models, or those of them "
    "whose answer somebody corrected or judged. Default: chat, unless the format holds something "
    "else only.",
)
@click.option(
    "--max-mb",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MB",
    help="Split files larger than this many megabytes. Default: the limit of the format.",
)
@calls_option
@source_options
@selection_options
@json_option
@workspace_option
@click.pass_context
def export_dataset(
    context: click.Context,
    /,
    name: str | None,
    format: str,
    output: Path,
    split: str | None,
    max_mb: float | None,
    calls: Calls,
    as_json: bool,
    workspace_path: Path | None,
    **chosen: Any,
) -> None:
    """Write a dataset, or sessions, as training files.

    NAME is a dataset, or a version of it as NAME@v0003. Without it the sessions that fit are
    written: each captured call of a chat model is one example, or each step of a player. Answers
    are taken as they were corrected, exact repeats once. What is left out is reported, each with
    its reason. The exit status is 1 when no example was found.
    """
    if name is not None:
        _refuse_filters(context)
    elif split is not None:
        raise click.UsageError("--split goes with NAME: sessions are split when a dataset is built")
    max_bytes = int(max_mb * _MEGABYTE) if max_mb else None
    with open_workspace(workspace_path) as workspace:
        if name is not None:
            exported = _of_dataset(workspace, name, format, output, split, calls, max_bytes)
        else:
            exported = _of_sessions(workspace, format, output, calls, max_bytes, **chosen)
    if as_json:
        print_json(exported)
    else:
        print_export(exported)
    context.exit(0 if exported.files else 1)


def _of_dataset(
    workspace: Workspace,
    name: str,
    format: str,
    output: Path,
    split: str | None,
    calls: Calls,
    max_bytes: int | None,
) -> ExportReport:
    from understudy.datasets.export_version import export_version
    from understudy.datasets.versions import usable_version

    version = usable_version(workspace, name)
    with progress(f"exporting {version.ref}") as report:
        return export_version(
            workspace,
            version,
            format=format,
            output=output,
            split=split,
            calls=calls,
            max_bytes=max_bytes,
            progress=report,
        )


def _of_sessions(
    workspace: Workspace,
    format: str,
    output: Path,
    calls: Calls,
    max_bytes: int | None,
    *,
    kind: Kind | None,
    with_mistakes: bool,
    statuses: tuple[str, ...],
    **filters: Any,
) -> ExportReport:
    from understudy.datasets.export import export_sessions
    from understudy.datasets.export_format import export_format
    from understudy.datasets.rows import Source
    from understudy.datasets.selection import Selection

    if kind is None:
        kind = "agent" if export_format(format).takes == "instruction" else "chat"
    with progress("exporting sessions") as report:
        return export_sessions(
            workspace,
            output=output,
            format=format,
            source=Source(kind=kind, with_mistakes=with_mistakes, statuses=statuses, calls=calls),
            selection=Selection(**filters),
            max_bytes=max_bytes,
            progress=report,
        )


def _refuse_filters(context: click.Context) -> None:
    """UsageError for an option that only exports of sessions know."""
    known = {"name", "format", "output", "split", "max_mb", "calls", "as_json", "workspace_path"}
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name or "")
        if parameter.name in known or not parameter.expose_value:
            continue
        if given is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"{parameter.opts[0]} does not go with NAME: {_OF_SESSIONS}.")


def print_export(exported: ExportReport) -> None:
    """What was written, what was left out and why, and where the report lies."""
    from understudy.datasets.export import report_path

    origins = counted(len(exported.sessions), "session")
    if exported.scenarios:
        origins = f"{origins} and {counted(exported.scenarios, 'scenario')}"
    of = f" of {exported.dataset}" if exported.dataset else ""
    click.echo(f"{counted(exported.examples, 'example')}{of} from {origins}")
    for file in exported.files:
        click.echo(f"  {file.path} ({human_bytes(file.size)})")
    print_reasons(exported.reasons())
    for what, count in exported.lost.items():
        click.echo(f"Not said in {exported.format}: {what} (in {counted(count, 'example')})")
    click.echo(f"Each with its reason: {report_path(Path(exported.output))}")
    print_warnings(exported.warnings)
