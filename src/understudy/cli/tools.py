"""``understudy tools``: which tools the Dungeon Master calls, new ones, and their documentation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy._util.counting import counted
from understudy.cli._commands import Group, json_option, workspace_option
from understudy.cli._output import print_json, print_table, progress

if TYPE_CHECKING:
    from understudy.datasets.tool_survey import ToolSurvey

_SHOWN = 20

_paths_argument = click.argument(
    "paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]..."
)
_registry_option = click.option(
    "--registry",
    "registry_path",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The tools that are known. Default: tool_registry.json of the workspace, else the six "
    "of the table.",
)


def _output_option(name: str) -> Callable[..., Any]:
    return click.option(
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help=f"The file to write. Default: {name} in the workspace.",
    )


@click.group(cls=Group)
def tools() -> None:
    """Find, extend and document the tools of the Dungeon Master."""


@tools.command("scan")
@_paths_argument
@_registry_option
@json_option
@workspace_option
@click.pass_context
def scan_tools(
    context: click.Context,
    paths: tuple[Path, ...],
    registry_path: Path | None,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Count the calls of every tool, and name the unknown and malformed ones with their places.

    PATH is a scenario, a chat file, a folder of them, or a workspace. Without one, the scenarios
    that come with Understudy and the sessions of the workspace are read. The exit status is 1
    when a call is malformed or something could not be read.
    """
    survey = _survey(paths, registry_path, workspace_path)
    if as_json:
        print_json(survey.found)
    else:
        _print_scan(survey)
    context.exit(1 if survey.found.malformed or survey.found.unread else 0)


@tools.command("extend")
@_paths_argument
@_registry_option
@_output_option("tool_registry.json")
@json_option
@workspace_option
def extend_tools(
    paths: tuple[Path, ...],
    registry_path: Path | None,
    output: Path | None,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Add the tools that are called and not known, with arguments inferred from their uses.

    Sources as for scan. What was inferred is a guess: read the registry before training on it.
    """
    from understudy.datasets.tool_survey import extend_registry

    survey = _survey(paths, registry_path, workspace_path)
    added, written = extend_registry(survey, output)
    if as_json:
        print_json({"registry": written, "added": added, "tools": survey.registry.names})
        return
    for tool in added:
        click.echo(f"added {tool.format}: {tool.description}")
    click.echo(f"{counted(len(added), 'tool')} added; the registry is {written}")


@tools.command("docs")
@_paths_argument
@_registry_option
@_output_option("tool_documentation.md")
@json_option
@workspace_option
def document_tools(
    paths: tuple[Path, ...],
    registry_path: Path | None,
    output: Path | None,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Write the documentation of all tools, with how often each is called.

    Sources as for scan.
    """
    from understudy.datasets.tool_survey import write_documentation

    survey = _survey(paths, registry_path, workspace_path)
    written = write_documentation(survey, output)
    if as_json:
        print_json({"documentation": written, "tools": survey.registry.names})
        return
    click.echo(f"{counted(len(survey.registry), 'tool')} in {written}")


def _survey(
    paths: tuple[Path, ...], registry_path: Path | None, workspace_path: Path | None
) -> ToolSurvey:
    from understudy.datasets.tool_survey import survey

    with progress("reading sessions") as report:
        return survey(
            paths, registry_path=registry_path, workspace_path=workspace_path, progress=report
        )


def _print_scan(survey: ToolSurvey) -> None:
    found = survey.found
    click.echo(f"{counted(found.calls, 'call')} in {counted(found.texts, 'turn')}")
    print_table(
        ("  TOOL", "CALLS"), [(f"  {name}", str(count)) for name, count in found.by_tool.items()]
    )
    if found.asides:
        click.echo(f"{counted(found.asides, 'bracket')} passed over as no call")
    _print_places(
        "unknown", [(f"[{use.name}: {', '.join(use.values)}]", use.where) for use in found.unknown]
    )
    _print_places(
        "malformed", [(f"{bad.text}: {bad.reason}", bad.where) for bad in found.malformed]
    )
    for sentence in found.unread:
        click.echo(f"not read: {sentence}", err=True)
    if found.unknown:
        click.echo("understudy tools extend adds the unknown ones to the registry.")


def _print_places(what: str, places: list[tuple[str, str]]) -> None:
    if not places:
        return
    click.echo(f"{len(places)} {what}")
    for text, where in places[:_SHOWN]:
        click.echo(f"  {where}: {text}")
    if len(places) > _SHOWN:
        click.echo(f"  and {len(places) - _SHOWN} more")
