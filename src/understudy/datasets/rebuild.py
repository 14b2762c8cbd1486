"""The array file from the sessions: written anew on request, or without a session's examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.datasets.chat_examples import digests_of_session, example_digest
from understudy.datasets.rows import Source, find_rows
from understudy.datasets.selection import LeftOut, Selection
from understudy.formats.array_rewrite import remove_from_array, write_array
from understudy.formats.dataset_rows import ChatRow

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession
    from understudy.session.workspace import Workspace


class RebuildReport(msgspec.Struct, kw_only=True):
    """What a rebuilt array file holds."""

    path: str
    examples: int
    left_out: list[LeftOut] = []


def rebuild_array(
    workspace: Workspace,
    path: Path | str,
    *,
    selection: Selection | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RebuildReport:
    """Write the array file at ``path`` from the complete chats of the sessions, oldest first.

    Corrections take the place of answers; exact repeats come once. A former file is kept beside it
    as ``NAME.replaced-YYYYMMDD-HHMMSS``. Collectors may go on appending meanwhile. Raises
    StorageError as the disk does; the former file is then as it was.
    """
    left_out: list[LeftOut] = []

    def examples() -> Iterator[dict[str, Any]]:
        for found in find_rows(
            workspace,
            selection or Selection(),
            Source(kind="chat"),
            left_out.append,
            told=lambda _: progress,
        ):
            if isinstance(found.row, ChatRow):
                yield found.row.example

    count = write_array(path, examples(), keep_old=True)
    return RebuildReport(path=str(path), examples=count, left_out=left_out)


def remove_session_from_array(path: Path | str, session: RecordedSession) -> int:
    """Take the examples that ``session`` gave out of the array file; return how many there were.

    To be called before the session is forgotten. Raises FormatError, with nothing changed, when
    the file is no whole array.
    """
    digests = digests_of_session(session)
    if not digests or not Path(path).exists():
        return 0
    return remove_from_array(path, lambda example: example_digest(example) in digests)
