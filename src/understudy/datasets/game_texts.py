"""What Dungeon Masters said, wherever it is kept: scenarios, chat files, and recorded sessions.

Handed to a scan of tools one text at a time. A chat file and a session hold the same history again
and again, as each call was made with all before it: what was said is taken once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.chat import json_values
from understudy.chat.messages import text_of
from understudy.chat.party_sheet import names_on_sheet
from understudy.chat.tools.scanning import GameText
from understudy.datasets.selection import Selection, choose
from understudy.errors import FormatError, UnderstudyError, UsageError
from understudy.formats.openai_array import iterate_array
from understudy.formats.openai_jsonl import read_examples
from understudy.formats.scenario_markdown import ScenarioFile, read_scenario
from understudy.session.steps import ChatStep
from understudy.store.folder import SETTINGS_NAME

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace

_ENDINGS = (".md", ".jsonl", ".json")

Report = Callable[[str], None]


def texts_in(paths: Iterable[Path], unread: Report) -> Iterator[GameText]:
    """What is said in scenario files (``.md``), chat files (``.jsonl``, ``.json``), folders of
    them, and workspaces.

    ``unread`` hears, in a sentence each, of what could not be read. UsageError for a path that is
    not there or of another kind.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"there is no {path}; name scenarios, chat files or a workspace")
        if (path / SETTINGS_NAME).is_file():
            from understudy.session.workspace import Workspace

            with Workspace(path, create=False) as workspace:
                yield from texts_of_sessions(workspace, unread)
        elif path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix in _ENDINGS and file.is_file():
                    yield from _texts_of_file(file, unread)
        elif path.suffix in _ENDINGS:
            yield from _texts_of_file(path, unread)
        else:
            raise UsageError(f"{path} ends in none of {', '.join(_ENDINGS)}; name one that does")


def texts_of_sessions(
    workspace: Workspace,
    unread: Report,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[GameText]:
    """The answers in the chats of a workspace's sessions, oldest session first."""

    def leave_out(left: Any) -> None:
        unread(f"session {left.directory}: {left.reason}")

    for session in choose(workspace, Selection(), leave_out, progress=progress):
        try:
            for step in session.trace():
                if isinstance(step, ChatStep) and step.response is not None:
                    yield _said(
                        step.response,
                        source=f"session {session.path.name}",
                        place=f"step {step.n}",
                        names=names_on_sheet(step.messages),
                    )
        except UnderstudyError as error:
            unread(f"session {session.path.name}: {error}")


def texts_of_scenario(file: ScenarioFile) -> Iterator[GameText]:
    """The Dungeon Master's turns of a scenario, with their lines."""
    names = tuple(member.name for member in file.scenario.party)
    for turn, line in zip(file.scenario.turns, file.lines, strict=True):
        if turn.speaker == "dm":
            yield GameText(source=str(file.path), text=turn.text, line=line, names=names)


def _texts_of_file(path: Path, unread: Report) -> Iterator[GameText]:
    try:
        if path.suffix == ".md":
            yield from texts_of_scenario(read_scenario(path))
            return
        seen: set[int] = set()
        if path.suffix == ".jsonl":
            lines = read_examples(
                path, report=lambda bad: unread(f"{path}, line {bad.line}: {bad.reason}")
            )
            for line, example in lines:
                yield from _texts_of_chat(example, str(path), f"line {line}", seen)
            return
        elements = iterate_array(
            path, report=lambda bad: unread(f"{path}, element {bad.index}: {bad.reason}")
        )
        for index, example in elements:
            yield from _texts_of_chat(example, str(path), f"element {index}", seen)
    except FormatError as error:
        unread(str(error))


def _texts_of_chat(
    example: Mapping[str, Any], source: str, place: str, seen: set[int]
) -> Iterator[GameText]:
    messages = example.get("messages")
    if not isinstance(messages, list):
        return
    told = 0
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, dict):
            continue
        told = hash((told, json_values.encode_sorted(message)))
        if message.get("role") == "assistant" and told not in seen:
            seen.add(told)
            where = f"{place}, message {number}"
            yield _said(message, source=source, place=where, names=names_on_sheet(messages))


def _said(
    message: Mapping[str, Any], *, source: str, place: str, names: tuple[str, ...]
) -> GameText:
    return GameText(
        source=source,
        text=text_of(message.get("content")),
        place=place,
        calls=tuple(_calls(message)),
        names=names,
    )


def _calls(message: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    given = message.get("tool_calls")
    for call in given if isinstance(given, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield str(function.get("name")), function.get("arguments")
