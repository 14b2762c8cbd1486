"""What was brought into a workspace before: known by the content of chats, not by file names.

A session that was imported says in its header which chats it holds; one whose recording was cut off
is read, since it may lack some of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from understudy.chat import json_values
from understudy.errors import UnderstudyError
from understudy.session.header import SessionHeader, read_header
from understudy.session.keeping.archive_file import read_sidecar, sidecar_path
from understudy.session.steps import ChatStep
from understudy.session.trace_file import read_trace
from understudy.store.hashes import sha256_bytes

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace
    from understudy.store.catalog.schema import SessionRow

IMPORT = "import"
"""Where the header's metadata and each chat say what they were imported from."""
_DIGITS = 32


def content_of(example: dict[str, Any]) -> str:
    """Hex digits that are equal for equal chats, whatever the order of their keys."""
    return sha256_bytes(json_values.encode_sorted(example).encode())[:_DIGITS]


def imported_contents(workspace: Workspace) -> set[str]:
    """Those of every chat that was imported and not forgotten, archived sessions included."""
    found: set[str] = set()
    for row in workspace.rows():
        header = _header(workspace, row) if row.chats else None
        facts = header.metadata.get(IMPORT) if header is not None else None
        contents = facts.get("contents") if isinstance(facts, dict) else None
        if not isinstance(contents, list):
            continue
        whole = row.archived or (row.sealed_sha256 is not None and row.chats == len(contents))
        found.update(contents if whole else _recorded(workspace, row))
    return found


def _header(workspace: Workspace, row: SessionRow) -> SessionHeader | None:
    try:
        if row.archived:
            return read_sidecar(sidecar_path(workspace.archive, row.directory)).header
        return read_header(workspace.runs / row.directory)
    except UnderstudyError:  # damaged: what it held may be imported again
        return None


def _recorded(workspace: Workspace, row: SessionRow) -> Iterator[str]:
    try:
        for step in read_trace(workspace.runs / row.directory / "trace.jsonl"):
            facts = step.call.get(IMPORT) if isinstance(step, ChatStep) else None
            if isinstance(facts, dict) and isinstance(facts.get("content"), str):
                yield facts["content"]
    except UnderstudyError:  # as far as it can be read
        return
