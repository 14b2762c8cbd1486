"""``understudy demo``: the line from play to training data, on a conversation and a real game."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command
from understudy.cli._output import Progress, human_bytes, print_facts, print_table, progress
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
    """Show the line from play to training data, end to end.

    A scripted player talks to a scripted model server through a real OpenAI client: the same calls
    are captured by the drop-in collector, by the wrapped client and by the proxy. Then the script
    plays ten tasks of a Game Boy game, which are scored and become a dataset. All of it goes into
    a workspace in DIRECTORY (./understudy-demo); what has not changed since the last time is
    reused. Needs no network, no key and no model.
    """
    from understudy.pipeline.demo import demonstrate

    done = demonstrate(directory, _Console())
    _show_chats(done)
    _show_runs(done)
    _show_files(done)
    _show_next(done, directory)


class _Console:
    """The demonstration as it happens; words of the conversation appear when they arrive."""

    def begin(self, title: str) -> None:
        click.secho(f"\n{title}", bold=True)

    def end(self, seconds: float, *, reused: bool) -> None:
        said = f"reused; it had taken {seconds:.1f} s" if reused else f"{seconds:.1f} s"
        click.secho(f"  {said}", dim=True)

    def progress(self, label: str) -> AbstractContextManager[Progress]:
        return progress(label)

    def open(self, server: str, proxy: str) -> None:
        click.echo(f"\nA scripted model serves at {server}, the proxy listens at {proxy}.\n")

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


def _show_chats(done: Demonstration) -> None:
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
            for row in done.chat_sessions
        ],
    )


def _show_runs(done: Demonstration) -> None:
    from understudy.cli._quality import print_play_report

    _heading("What the script played")
    print_table(
        ("SESSION", "TASK", "DONE", "STEPS", "LIMIT", "REFERENCE", "MISTAKES", "SCORE", "SIZE"),
        [
            (
                row.id[:SHORT_ID],
                row.task_id,
                row.success,
                row.steps,
                row.play.max_steps if row.play else None,
                row.play.reference_steps if row.play else None,
                row.play.mistakes if row.play else None,
                row.auto_score,
                human_bytes(row.bytes),
            )
            for row in done.runs
        ],
    )
    print_play_report(done.report)


def _show_files(done: Demonstration) -> None:
    _heading("What came out of it")
    talk = done.conversation
    rows = done.dataset_facts["counts"]["rows"]
    exports = sorted((done.dataset_path / "exports").rglob("*.jsonl"))
    print_facts(
        [
            ("sessions", done.workspace / "runs"),
            ("collector's file", f"{talk.collected} ({talk.collected_examples} examples)"),
            *(
                ("chats to train on", f"{file.path} ({talk.export.examples} examples)")
                for file in talk.export.files
            ),
            ("dataset", f"{done.dataset} in {done.dataset_path} ({counted(rows, 'example')})"),
            *(("instructions to train on", path) for path in exports),
            ("contact sheet", done.contact_sheet),
        ]
    )
    for file in talk.export.files:
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
        f"session show {done.conversation.client_session[:SHORT_ID]} {where}",
        f"session replay {done.runs[0].id[:SHORT_ID]} --verify {where}",
        f"session verify {where}",
        f"score {where}",
        f"stats --chats {where}",
        f"dataset show {done.dataset} {where}",
        f"play pocket {where}",
        f"doctor {where}",
    ):
        click.echo(f"  {program} {command}")
    click.echo("\nThen point your own game at it: README.md shows the ways in.")
