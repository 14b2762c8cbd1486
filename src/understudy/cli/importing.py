"""``understudy import``: chats that were recorded elsewhere become sessions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command, json_option, open_workspace, workspace_option
from understudy.cli._output import print_json, print_table, progress

if TYPE_CHECKING:
    from understudy.capture.importing.chats import FileImport

_SHOWN = 20


@click.command("import", cls=Command)
@click.argument(
    "paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path)
)
@click.option("--game", default="", metavar="NAME", help="The game that they are about.")
@click.option(
    "--tag", "tags", multiple=True, metavar="TAG", help="A tag for the sessions, beside `imported`."
)
@click.option("--license", default="", metavar="TEXT", help="The licence of what is imported.")
@click.option(
    "--consent", default="", metavar="TEXT", help="A note of the consent of those who played."
)
@json_option
@workspace_option
@click.pass_context
def import_files(
    context: click.Context,
    /,
    paths: tuple[Path, ...],
    game: str,
    tags: tuple[str, ...],
    license: str,
    consent: str,
    as_json: bool,
    workspace_path: Path | None,
) -> None:
    """Bring in chats that were recorded elsewhere.

    Each PATH is a file of chats, or a folder of them: OpenAI's fine-tuning JSONL, a collector's
    training_data.json, or ShareGPT as lines or as an array. Each conversation becomes a session
    with the tag `imported`. What cannot be read is reported by file, place and reason, and skipped;
    a chat that was imported before is not imported again. The exit status is 1 when no chat could
    be read.
    """
    from understudy.capture.importing.chats import About, import_chats

    about = About(game=game, tags=tags, license=license, consent=consent)
    with open_workspace(workspace_path) as workspace, ExitStack() as shown:

        def told(what: str) -> Callable[[int, int], None]:
            shown.close()
            report = shown.enter_context(progress(what))
            return lambda done, total: report(done, total or None)

        report = import_chats(workspace, paths, about, told=told)
    if as_json:
        print_json(report)
    else:
        for file in report.files:
            _print_file(file)
    context.exit(0 if report.any_read else 1)


def _print_file(file: FileImport) -> None:
    sessions = counted(len(file.sessions), "session")
    click.echo(f"{file.path}: {sessions} with {counted(file.chats, 'chat')}")
    if file.known:
        click.echo(f"  {counted(file.known, 'chat')} imported before")
    if file.copies:
        click.echo(f"  {counted(file.copies, 'chat')} the same as an earlier one")
    if file.bad:
        click.echo(f"  {counted(len(file.bad), 'record')} could not be read:")
        print_table(
            ("  PLACE", "REASON"), [(f"  {bad.place}", bad.reason) for bad in file.bad[:_SHOWN]]
        )
        if len(file.bad) > _SHOWN:
            click.echo(f"  and {len(file.bad) - _SHOWN:,} more (--json names all)")
    for what, count in file.ignored.items():
        click.echo(f"  not taken: {what} (in {counted(count, 'record')})")
