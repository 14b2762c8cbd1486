"""``understudy demo``: one conversation, captured three ways, from call to training file."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy.cli._commands import Command
from understudy.cli._output import human_bytes, print_facts, print_table
from understudy.cli.session.looking import SHORT_ID

if TYPE_CHECKING:
    from understudy.pipeline.demo import Demonstration

_WIDTH = 92
_MARGIN = 7
_COLOURS = {"Mira": "cyan", "DM": "yellow", "dice": "magenta"}


@click.command(cls=Command)
@click.argument(
    "directory", default="understudy-demo", type=click.Path(path_type=Path, file_okay=False)
)
def demo(directory: Path) -> None:
    """Play and capture a short conversation, end to end.

    A scripted player talks to a scripted model server through a real OpenAI client. The same calls
    are captured by the drop-in collector, by the wrapped client and by the proxy, into a workspace
    in DIRECTORY (./understudy-demo). Needs no network, no key and no model.
    """
    from understudy.pipeline.demo import demonstrate

    done = demonstrate(directory, _Console())
    _show_sessions(done)
    _show_files(done)
    _show_next(done, directory)


class _Console:
    """The conversation as it happens; words appear when they arrive."""

    def open(self, server: str, proxy: str) -> None:
        click.echo(f"A scripted model serves at {server}, the proxy listens at {proxy}.\n")

    def speak(self, who: str, pieces: Iterable[str]) -> None:
        click.secho(f"{who:>{_MARGIN - 2}}", fg=_COLOURS.get(who), bold=True, nl=False)
        click.echo(":", nl=False)
        column = _MARGIN
        for piece in pieces:
            for word in piece.split():
                if column > _MARGIN and column + len(word) > _WIDTH:
                    click.echo(f"\n{' ' * (_MARGIN - 1)}", nl=False)
                    column = _MARGIN
                click.echo(f" {word}", nl=False)
                column += len(word) + 1
        click.echo()


def _heading(text: str) -> None:
    click.secho(f"\n{text}\n", bold=True)


def _show_sessions(done: Demonstration) -> None:
    _heading("The same calls, captured three ways")
    columns = ("SESSION", "NAME", "STATUS", "CHATS", "STORED", "DROPPED", "MASKED", "SIZE")
    print_table(
        columns,
        [
            (
                row.id[:SHORT_ID],
                row.name,
                row.status,
                row.chats,
                row.stored,
                row.dropped,
                row.masked,
                human_bytes(row.bytes),
            )
            for row in done.sessions
        ],
    )


def _show_files(done: Demonstration) -> None:
    _heading("What came out of it")
    print_facts(
        [
            ("sessions", done.workspace / "runs"),
            ("collector's file", f"{done.collected} ({done.collected_examples} examples)"),
            *(
                ("training file", f"{file.path} ({done.export.examples} examples)")
                for file in done.export.files
            ),
        ]
    )
    for file in done.export.files:
        masked = _masked_line(Path(file.path))
        if masked:
            click.echo("\nMira's note, as it was kept everywhere:")
            click.echo(f"{' ' * _MARGIN}{masked}")


def _masked_line(path: Path) -> str | None:
    """What the player said in which something was masked, as it stands in the training file."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            for message in json.loads(line)["messages"]:
                if message["role"] == "user" and "[EMAIL]" in message["content"]:
                    return str(message["content"])
    return None


def _program() -> str:
    """How this program was started."""
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m understudy"
    return shlex.quote(os.path.relpath(sys.argv[0]))


def _show_next(done: Demonstration, directory: Path) -> None:
    _heading("Look closer")
    program = "understudy" if shutil.which("understudy") else _program()
    where = f"-w {shlex.quote(str(directory))}"
    for command in (
        f"session show {done.client_session.id[:SHORT_ID]} {where}",
        f"session verify {where}",
        f"stats --chats {where}",
        f"doctor {where}",
        f"dataset export --output {shlex.quote(str(directory / 'all.jsonl'))} {where}",
    ):
        click.echo(f"  {program} {command}")
    click.echo("\nThen point your own game at it: README.md shows the four ways in.")
