"""The rows of all sessions that fit and of scenarios, one after the other and each once: what every
dataset, export and array file is made from.

Read step by step, so that the memory used does not grow with the pictures and texts; of what was
yielded only digests stay, to find copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.chat.tools.registry import TOOLS, ToolRegistry
from understudy.curate.duplicates import Copy, Duplicates, Place
from understudy.datasets.agent_rows import agent_rows
from understudy.datasets.chat_examples import (
    COMPLETE,
    chat_digest,
    example_digest,
    session_chats,
)
from understudy.datasets.found import Found
from understudy.datasets.scenario_rows import ScenarioSource, scenario_rows
from understudy.datasets.screenshots import Screenshots
from understudy.datasets.selection import LeftOut, Selection, choose, left_out_copy
from understudy.datasets.tool_survey import registry_in
from understudy.errors import StorageError
from understudy.formats.dataset_rows import AgentRow, ChatRow
from understudy.formats.hf_parquet import Kind
from understudy.formats.preferences import is_judged
from understudy.formats.tool_spelling import Calls

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession
    from understudy.session.workspace import Workspace


Progress = Callable[[int, int], None]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken from the sessions that fit."""

    kind: Kind = "agent"
    """``agent``: the steps of players; ``chat``: the calls to chat models; ``preference``: those of
    them whose answer somebody corrected or gave a thumb."""
    from_sessions: bool = True
    """Whether anything is taken from sessions."""
    calls: Calls = "kept"
    """How calls of tools are written in exports."""
    with_mistakes: bool = False
    """Take also steps that a player recorded as deliberate mistakes."""
    statuses: tuple[str, ...] = COMPLETE
    """Chats that ended so are taken."""


def rows_of(
    session: RecordedSession,
    source: Source,
    leave_out: Callable[[LeftOut], None],
    registry: ToolRegistry = TOOLS,
) -> Iterator[Found]:
    """The rows of one session, copies included."""
    if source.kind == "agent":
        yield from agent_rows(session, leave_out, with_mistakes=source.with_mistakes)
        return
    chats = session_chats(session, leave_out, statuses=source.statuses, registry=registry)
    for found in chats:
        if source.kind == "chat" or (isinstance(found.row, ChatRow) and is_judged(found.row)):
            yield found


def find_rows(
    workspace: Workspace,
    selection: Selection,
    source: Source,
    leave_out: Callable[[LeftOut], None],
    *,
    scenarios: ScenarioSource | None = None,
    near_share: float | None = None,
    sealed_only: bool = False,
    told: Callable[[str], Progress | None] = lambda _: None,
) -> Iterator[Found]:
    """The rows of all sessions that fit, oldest session first, without copies of earlier ones.

    Those of ``scenarios`` follow. ``near_share``: the share of pixels up to which a step counts as
    nearly a copy; None takes all but exact copies. Chats are compared exactly. ``sealed_only``
    passes over sessions that may still grow. ``told`` is called with what is being done and returns
    what to tell its progress to.
    """
    copies = _Copies(near_share, pairs=source.kind == "preference")

    def every() -> Iterator[Found]:
        if source.from_sessions:
            registry = TOOLS if source.kind == "agent" else registry_in(workspace.path)
            for session in choose(
                workspace,
                selection,
                leave_out,
                sealed_only=sealed_only,
                progress=told("reading sessions"),
            ):
                yield from rows_of(session, source, leave_out, registry)
        if scenarios is not None:
            yield from scenario_rows(scenarios, leave_out, progress=told("reading scenarios"))

    for found in every():
        copy = copies.copy_of(found)
        if copy is None:
            yield found
        else:
            leave_out(left_out_copy(found.row, found.directory, copy))


class _Copies:
    """Remembers what was yielded."""

    def __init__(self, near_share: float | None, *, pairs: bool) -> None:
        self._steps = Duplicates(near_share)
        self._chats: dict[bytes, Place] = {}
        self._digest = chat_digest if pairs else lambda row: example_digest(row.example)

    def copy_of(self, found: Found) -> Copy | None:
        row = found.row
        if isinstance(row, AgentRow):
            folder = found.session.path if found.session is not None else Path()
            read = partial(_picture_at, folder, row.row.screenshot)
            return self._steps.copy_of(row.row, row.picture, read)
        seen = self._digest(row)
        if seen in self._chats:
            return Copy("exact", self._chats[seen])
        self._chats[seen] = Place(row.origin, row.n)
        return None


def _picture_at(folder: Path, name: str | None) -> bytes | None:
    """A picture that was read before, again; None where it has vanished meanwhile."""
    try:
        return Screenshots(folder).read(name)
    except StorageError:
        return None
