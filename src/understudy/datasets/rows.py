"""The rows of all sessions that fit, one after the other and each once: what every dataset, export
and array file is made from.

Read step by step, so that the memory used does not grow with the pictures and texts; of what was
yielded only digests stay, to find copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.curate.duplicates import Copy, Duplicates, Place
from understudy.datasets.agent_rows import agent_rows
from understudy.datasets.chat_examples import COMPLETE, example_digest, session_chats
from understudy.datasets.found import Found
from understudy.datasets.screenshots import Screenshots
from understudy.datasets.selection import LeftOut, Selection, choose, left_out_copy
from understudy.errors import StorageError
from understudy.formats.dataset_rows import AgentRow
from understudy.formats.hf_parquet import Kind

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession
    from understudy.session.workspace import Workspace


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken from the sessions that fit."""

    kind: Kind = "agent"
    """``agent``: the steps of players; ``chat``: the calls to chat models."""
    with_mistakes: bool = False
    """Take also steps that a player recorded as deliberate mistakes."""
    statuses: tuple[str, ...] = COMPLETE
    """Chats that ended so are taken."""


def rows_of(
    session: RecordedSession, source: Source, leave_out: Callable[[LeftOut], None]
) -> Iterator[Found]:
    """The rows of one session, copies included."""
    if source.kind == "chat":
        return session_chats(session, leave_out, statuses=source.statuses)
    return agent_rows(session, leave_out, with_mistakes=source.with_mistakes)


def find_rows(
    workspace: Workspace,
    selection: Selection,
    source: Source,
    leave_out: Callable[[LeftOut], None],
    *,
    near_share: float | None = None,
    sealed_only: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Found]:
    """The rows of all sessions that fit, oldest session first, without copies of earlier ones.

    ``near_share``: the share of pixels up to which a step counts as nearly a copy; None takes all
    but exact copies. Chats are compared exactly. ``sealed_only`` passes over sessions that may
    still grow.
    """
    copies = _Copies(near_share)
    chosen = choose(workspace, selection, leave_out, sealed_only=sealed_only, progress=progress)
    for session in chosen:
        for found in rows_of(session, source, leave_out):
            copy = copies.copy_of(found)
            if copy is None:
                yield found
            else:
                leave_out(left_out_copy(session, found.row.n, copy.kind, copy.of))


class _Copies:
    """Remembers what was yielded."""

    def __init__(self, near_share: float | None) -> None:
        self._steps = Duplicates(near_share)
        self._chats: dict[bytes, Place] = {}

    def copy_of(self, found: Found) -> Copy | None:
        row = found.row
        if isinstance(row, AgentRow):
            read = partial(_picture_at, found.session.path, row.row.screenshot)
            return self._steps.copy_of(row.row, row.picture, read)
        seen = example_digest(row.example)
        if seen in self._chats:
            return Copy("exact", self._chats[seen])
        self._chats[seen] = Place(row.session, row.n)
        return None


def _picture_at(folder: Path, name: str | None) -> bytes | None:
    """A picture that was read before, again; None where it has vanished meanwhile."""
    try:
        return Screenshots(folder).read(name)
    except StorageError:
        return None
