"""``understudy demo``: the whole line, from play to models that play."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from understudy._util.counting import counted
from understudy.cli._commands import Command
from understudy.cli._line_watcher import LineWatcher, came_to
from understudy.cli._lines_beside import Lane, lines_beside
from understudy.cli._output import (
    human_bytes,
    human_seconds,
    print_facts,
    print_table,
    printable,
)
from understudy.cli.session.looking import SHORT_ID

if TYPE_CHECKING:
    from understudy.pipeline.demo import Demonstration
    from understudy.pipeline.stages import StageResult

_WIDTH = 92
_MARGIN = 7
_COMMAND = 46
_COLOURS = {"Mira": "cyan", "DM": "yellow", "dice": "magenta"}


@click.command(cls=Command)
@click.argument(
    "directory", default="understudy-demo", type=click.Path(path_type=Path, file_okay=False)
)
def demo(directory: Path) -> None:
    """Show the whole line, from play to models that play.

    A scripted player talks to a scripted model server through a real OpenAI client, captured by the
    drop-in collector, the wrapped client and the proxy; a script plays a Game Boy game, adventurers
    an evening in a tavern. It is scored and becomes datasets; a Dungeon Master and an agent learn
    from it, are measured before and after, converted, deployed, and play. All of it goes into a
    workspace in DIRECTORY (./understudy-demo), with report.html; what has not changed since the
    last time is reused. Needs no network, no key and no GPU.
    """
    from understudy.pipeline.demo import demonstrate

    with ExitStack() as shown:
        console = _Console(shown)
        done = demonstrate(directory, console)
    _show_chats(done)
    _show_runs(done)
    _show_turn(done)
    _show_files(done)
    _show_outcome(done)
    _show_next(directory)


class _Console(LineWatcher):
    """The demonstration as it happens; words of the conversation appear when they arrive."""

    def __init__(self, shown: ExitStack) -> None:
        super().__init__(shown, quiet=False)

    def begin(self, stage: str) -> None:
        self._shown.close()
        click.secho(f"\n{stage}", bold=True)

    def end(self, result: StageResult) -> None:
        self._shown.close()
        self._say(result)

    @contextmanager
    def beside(self, *titles: str) -> Iterator[list[Lane]]:
        self._shown.close()

        def ended(title: str, result: StageResult) -> None:
            click.secho(f"\n{title}: {result.stage}", bold=True)
            self._say(result)

        with lines_beside(titles, ended) as lanes:
            yield lanes

    def _say(self, result: StageResult) -> None:
        seconds = human_seconds(result.seconds)
        how = f"reused; it had taken {seconds}" if result.reused else seconds
        click.secho(f"  {_came_to(result)} ({how})", dim=True)

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


def _show_turn(done: Demonstration) -> None:
    _heading("One turn with the model that was deployed")
    click.echo(f"{'you':>{_MARGIN - 2}}: {done.first_turn.said}")
    for answer in done.first_turn.answers:
        click.echo(f"{'DM':>{_MARGIN - 2}}: {printable(answer)}")


def _show_files(done: Demonstration) -> None:
    _heading("What came out of it")
    talk = done.conversation
    exports = sorted((done.dataset_path / "exports").rglob("*.jsonl"))
    print_facts(
        [
            ("sessions", done.workspace / "runs"),
            ("collector's file", f"{talk.collected} ({talk.collected_examples} examples)"),
            *(
                ("chats to train on", f"{file.path} ({talk.export.examples} examples)")
                for file in talk.export.files
            ),
            *(("instructions", path) for path in exports),
            ("contact sheet", done.contact_sheet),
            ("models", f"{done.master['train']['model']}, {done.agent['train']['model']}"),
            ("bundle", done.master["deploy"]["path"]),
            ("report", done.page),
        ]
    )
    for file in talk.export.files:
        masked = _masked_line(Path(file.path))
        if masked:
            click.echo("\nMira's note, as it was kept everywhere:")
            click.echo(f"{' ' * _MARGIN}{masked}")


def _show_outcome(done: Demonstration) -> None:
    from understudy.pipeline.demo.scoreboard import HEADS

    _heading("Before training and after it")
    print_table(HEADS, [line.cells for line in done.lines])
    took = human_seconds(done.seconds)
    changed = any(not stage.reused for stage in done.stages)
    click.echo(f"\n{'All of it' if changed else 'Nothing had changed; looking'} took {took}.")


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


def _show_next(directory: Path) -> None:
    _heading("Go on")
    program = "understudy" if shutil.which("understudy") else _program()
    where = f"-w {shlex.quote(str(directory))}"
    for command, words in (
        (f"play tavern --model dm {where}", "play, with your model as Dungeon Master"),
        (f"serve dm {where}", "let your own game talk to it"),
        (f"score {where}", "judge what was played; the next training learns from it"),
        ("run dm -w my-game", "the whole line at full size, in a workspace of your own"),
    ):
        click.echo(f"  {program} {command:<{_COMMAND}}  {words}".rstrip())
    click.echo("\nThen point your own game at it: README.md shows the ways in.")


def _came_to(result: StageResult) -> str:
    """What a stage of the demonstration, or of one of its lines, came to, in words."""
    facts = result.facts
    match result.stage:
        case "conversation":
            return f"{facts['collected_examples']} answers, kept three ways"
        case "play":
            return counted(len(facts["sessions"]), "session")
        case "dataset":
            return f"{facts['ref']}, {counted(facts['facts']['counts']['rows'], 'example')}"
        case "sheet":
            return str(facts["path"])
        case "tables":
            return f"{len(facts['sessions'])} evenings, {counted(facts['chats'], 'chat')}"
        case "first turn":
            return f"{counted(len(facts['answers']), 'answer')} from the bundle"
        case _:
            return came_to(result)
