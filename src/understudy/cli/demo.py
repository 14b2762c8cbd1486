"""``understudy demo``: one conversation, captured three ways, from call to training file."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from understudy.cli._commands import Command
from understudy.cli._output import human_bytes, print_facts, print_table
from understudy.cli.session.looking import SHORT_ID

if TYPE_CHECKING:
    from openai import OpenAI

    from understudy.session.workspace import Workspace
    from understudy.store.catalog import SessionRow

_WIDTH = 92
CLIENT_SESSION = "tavern client"


@click.command(cls=Command)
@click.argument("directory", default="demo", type=click.Path(path_type=Path, file_okay=False))
def demo(directory: Path) -> None:
    """Play and capture a short conversation, end to end.

    A scripted player talks to a scripted model server through a real OpenAI client. The same calls
    are captured by the drop-in collector, by the wrapped client and by the proxy, into a workspace
    in DIRECTORY (./demo). Needs no network, no key and no model.
    """
    from understudy.cli.dataset import print_export
    from understudy.datasets.export import export_chats
    from understudy.datasets.selection import Selection
    from understudy.session.workspace import Workspace

    collected = directory.absolute() / "training" / "training_data.json"
    with Workspace(directory) as workspace:
        before = {row.id for row in workspace.rows()}
        with _captured_three_ways(workspace, collected) as (client, log):
            _play(client, log)
        rows = [row for row in workspace.rows(newest_first=False) if row.id not in before]
        _show(workspace, rows, collected)
        click.echo("\nA training file of the wrapped client's session:\n")
        client_session = next(row.id for row in rows if row.name == CLIENT_SESSION)
        print_export(
            export_chats(
                workspace,
                output=workspace.path / "training" / "tavern.jsonl",
                selection=Selection(sessions=(client_session,)),
            )
        )
        click.echo("\nLook closer:\n")
        program = "understudy" if shutil.which("understudy") else sys.argv[0]
        click.echo(f"  {program} session show {client_session[:SHORT_ID]} -w {directory}")
        click.echo(f"  {program} session verify -w {directory}")


@contextmanager
def _captured_three_ways(
    workspace: Workspace, collected: Path
) -> Iterator[tuple[OpenAI, Callable[[Any, Any], None]]]:
    """A client whose calls go through the proxy and are kept by the wrapper, and a collector."""
    from openai import OpenAI

    import understudy
    from understudy.capture.proxy import ProxyServer
    from understudy.cli._tavern import ANSWERS
    from understudy.players.backends.scripted import ScriptedModelServer

    with (
        ScriptedModelServer(ANSWERS) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        workspace.record(
            name=CLIENT_SESSION, game="tavern", player="script", model="scripted-1"
        ) as session,
        OpenAI(base_url=f"{proxy.url}/session/tavern%20proxy/v1", api_key="none") as plain,
    ):
        click.echo(f"A model server on {server.url}, the proxy on {proxy.url}.\n")
        collector = understudy.SimpleTrainingCollector(collected, workspace=workspace)
        try:
            yield understudy.capture_client(plain, session=session), _quiet(collector)
        finally:
            with contextlib.redirect_stdout(io.StringIO()):
                collector.close()


def _quiet(collector: Any) -> Callable[[Any, Any], None]:
    """The collector's own call, with the console line it prints shown under the answer."""

    def log(history: Any, answer: Any) -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            collector.log_complete_interaction(history, answer)
        for line in said.getvalue().splitlines():
            click.secho(f"{' ' * 9}{line}", dim=True)

    return log


def _play(client: OpenAI, log: Callable[[Any, Any], None]) -> None:
    from understudy.cli._tavern import STREAMED_TURNS, SYSTEM, TOOL_RESULT, TURNS

    history: list[Any] = [{"role": "system", "content": SYSTEM}]
    for number, turn in enumerate(TURNS):
        _speak("Mira", turn)
        history.append({"role": "user", "content": turn})
        answer = _ask(client, history, stream=number in STREAMED_TURNS)
        while answer.get("tool_calls"):
            log(history, answer)
            history.append(answer)
            for call in answer["tool_calls"]:
                _speak("(tool)", f"{call['function']['name']} → {TOOL_RESULT}")
                history.append({"role": "tool", "tool_call_id": call["id"], "content": TOOL_RESULT})
            answer = _ask(client, history, stream=False)
        _speak("DM", answer["content"])
        log(history, answer)
        history.append(answer)


def _ask(client: OpenAI, history: list[Any], *, stream: bool) -> dict[str, Any]:
    """One call, streamed or not; the answer as a message."""
    from understudy.cli._tavern import TOOLS

    if not stream:
        whole = client.chat.completions.create(
            model="scripted-1", messages=list(history), tools=TOOLS
        )
        return whole.choices[0].message.model_dump(exclude_none=True)
    pieces = client.chat.completions.create(
        model="scripted-1", messages=list(history), tools=TOOLS, stream=True
    )
    text = "".join(choice.delta.content or "" for piece in pieces for choice in piece.choices)
    return {"role": "assistant", "content": text}


def _speak(who: str, text: str) -> None:
    head = f"{who:>7}: "
    click.echo(textwrap.fill(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head)))


def _show(workspace: Workspace, rows: list[SessionRow], collected: Path) -> None:
    click.echo("\nThe same calls, captured three ways:\n")
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
            for row in rows
        ],
    )
    examples = len(json.loads(collected.read_text(encoding="utf-8")))
    click.echo()
    print_facts(
        [
            ("sessions", workspace.runs),
            ("collector's file", f"{collected} ({examples} examples)"),
        ]
    )
