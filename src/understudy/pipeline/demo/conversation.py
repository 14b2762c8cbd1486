"""The demonstration's conversation, captured three ways at once, up to its training file.

A scripted player talks through a real OpenAI client. The client is wrapped, its calls go through
the proxy to a scripted model server, and each answer is also logged with the drop-in collector:
what a user would choose one of is shown side by side. Nothing leaves the loopback interface.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from understudy.capture.client import capture_client
from understudy.capture.collector import SimpleTrainingCollector
from understudy.capture.proxy import ProxyServer
from understudy.datasets.export import ExportReport, export_chats
from understudy.datasets.selection import Selection
from understudy.pipeline.demo.tavern import ANSWERS, DICE, STREAMED_TURNS, SYSTEM, TOOLS, TURNS
from understudy.players.backends.scripted import ScriptedModelServer
from understudy.session.workspace import Workspace

if TYPE_CHECKING:
    from openai import OpenAI

MODEL = "scripted-1"
CLIENT_SESSION = "tavern client"
PROXY_SESSION = "tavern proxy"


class Stage(Protocol):
    """Where the conversation is shown while it is played."""

    def open(self, server: str, proxy: str) -> None:
        """The model server and the proxy listen at these addresses."""

    def speak(self, who: str, pieces: Iterable[str]) -> None:
        """Somebody says something, piece by piece; all of it has to be taken."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What the conversation has left behind."""

    sessions: list[str]
    """Ids of the wrapped client's, the proxy's and the collector's."""
    client_session: str
    collected: str
    """The collector's array file."""
    collected_examples: int
    export: ExportReport
    """Of the wrapped client's session."""

    def stands(self, workspace: Workspace) -> bool:
        """Whether all of it is still there."""
        files = [self.collected, *(file.path for file in self.export.files)]
        return all(Path(file).is_file() for file in files) and all(
            (workspace.runs / workspace.find(id).directory).is_dir() for id in self.sessions
        )


def converse(workspace: Workspace, stage: Stage) -> Conversation:
    """Play, capture and export the conversation into ``workspace``.

    Raises as ``export_chats`` does. The collector prints its own lines.
    """
    collected = workspace.path.absolute() / "training" / "training_data.json"
    before = {row.id for row in workspace.rows()}
    with _captured(workspace, collected, stage) as (client, collector):
        _play(client, collector, stage)
    rows = [row for row in workspace.rows(newest_first=False) if row.id not in before]
    client_session = next(row.id for row in rows if row.name == CLIENT_SESSION)
    report = export_chats(
        workspace,
        output=workspace.path / "training" / "tavern.jsonl",
        selection=Selection(sessions=(client_session,)),
    )
    return Conversation(
        sessions=[row.id for row in rows],
        client_session=client_session,
        collected=str(collected),
        collected_examples=len(json.loads(collected.read_bytes())),
        export=report,
    )


@contextmanager
def _captured(
    workspace: Workspace, collected: Path, stage: Stage
) -> Iterator[tuple[OpenAI, SimpleTrainingCollector]]:
    """A client whose calls go through the proxy and are kept by the wrapper, and a collector."""
    from openai import OpenAI

    collector = SimpleTrainingCollector(collected, workspace=workspace)
    with (
        ScriptedModelServer(ANSWERS, model=MODEL) as server,
        ProxyServer(workspace, upstream=server.url) as proxy,
        workspace.record(
            name=CLIENT_SESSION, game="tavern", player="script", model=MODEL
        ) as session,
        OpenAI(base_url=f"{proxy.url}/session/{_in_path(PROXY_SESSION)}/v1", api_key="none") as own,
    ):
        stage.open(server.url, proxy.url)
        try:
            yield capture_client(own, session=session), collector
        finally:
            collector.close()


def _in_path(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _play(client: OpenAI, collector: SimpleTrainingCollector, stage: Stage) -> None:
    history: list[Any] = [{"role": "system", "content": SYSTEM}]
    for number, turn in enumerate(TURNS):
        stage.speak("Mira", [turn])
        history.append({"role": "user", "content": turn})
        answer = _ask(client, history, stage, stream=number in STREAMED_TURNS)
        while answer.get("tool_calls"):
            collector.log_complete_interaction(history, answer)
            history.append(answer)
            for call in answer["tool_calls"]:
                result = DICE[json.loads(call["function"]["arguments"])["check"]]
                stage.speak("dice", [result])
                history.append({"role": "tool", "tool_call_id": call["id"], "content": result})
            answer = _ask(client, history, stage, stream=False)
        collector.log_complete_interaction(history, answer)
        history.append(answer)


def _ask(client: OpenAI, history: list[Any], stage: Stage, *, stream: bool) -> dict[str, Any]:
    """One call, streamed or not, shown as it comes; the answer as a message."""
    if not stream:
        whole = client.chat.completions.create(model=MODEL, messages=list(history), tools=TOOLS)
        message = whole.choices[0].message.model_dump(exclude_none=True)
        if message.get("content"):
            stage.speak("DM", [message["content"]])
        return message
    pieces: list[str] = []
    with client.chat.completions.create(
        model=MODEL, messages=list(history), tools=TOOLS, stream=True
    ) as chunks:
        stage.speak(
            "DM", _kept((c.delta.content for chunk in chunks for c in chunk.choices), pieces)
        )
    return {"role": "assistant", "content": "".join(pieces)}


def _kept(pieces: Iterable[str | None], into: list[str]) -> Iterator[str]:
    for piece in pieces:
        if piece:
            into.append(piece)
            yield piece
