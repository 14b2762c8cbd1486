"""Whether two sessions of one identity hold the same, and uniting what was said about them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from understudy.session.feedback import (
    FILE_NAME,
    FeedbackEntry,
    append_feedback,
    derive,
    held,
    parse_feedback,
    read_feedback,
)
from understudy.session.header import FILE_NAME as HEADER_NAME
from understudy.session.keeping.archive_file import archive_path, read_members, read_sidecar
from understudy.session.views import write_views
from understudy.store.checked_lines import line_is_whole, whole_lines
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME, FileEntry, Manifest, read_manifest

if TYPE_CHECKING:
    from understudy.session.workspace import Workspace


def same_content(here: Path, there: Path) -> bool:
    """Whether two places (a session's folder, or the file beside its archive) hold the same record.

    Sealed ones are the same when their seals name the same files. Where one was not sealed, as
    after a kill, the lines of one trace must begin with those of the other.
    """
    if _seal_of(here) is not None and _seal_of(there) is not None:
        return _seal_of(here) == _seal_of(there) or _files_of(here) == _files_of(there)
    if here.is_file() or there.is_file():
        return False
    if (here / HEADER_NAME).read_bytes() != (there / HEADER_NAME).read_bytes():
        return False
    traces = [
        whole_lines(place / "trace.jsonl") if (place / "trace.jsonl").exists() else iter(())
        for place in (here, there)
    ]
    return all(a == b for a, b in zip_longest(*traces) if a is not None and b is not None)


def feedback_of(place: Path) -> list[FeedbackEntry]:
    """What was said about a session, from its folder or out of its archive."""
    if place.is_dir():
        return read_feedback(place)
    archive = archive_path(place.parent, place.stem)
    for name, file, _ in read_members(archive):
        if name == FILE_NAME:
            return parse_feedback((line for line in file if line_is_whole(line)), archive)
    return []


def take_feedback(workspace: Workspace, name: str, entries: Sequence[FeedbackEntry]) -> int:
    """Append those entries to a session's feedback that it does not have; how many those were."""
    session = workspace.session(name)
    with held(session.path):
        known = {entry.id for entry in session.feedback()}
    new = [entry for entry in entries if entry.id not in known]
    if new:
        append_feedback(session.path, new)
        with held(session.path):
            if session.manifest is not None:
                current = derive(session.feedback(), session.header.tags)
                write_views(session.path, session.header, session.manifest.facts, current)
            workspace.catalog.put_session(workspace.describe(session.path))
    session.close()
    return len(new)


def _seal_of(place: Path) -> str | None:
    if place.is_file():
        return read_sidecar(place).manifest_sha256
    manifest = place / MANIFEST_NAME
    return sha256_file(manifest) if manifest.exists() else None


def _files_of(place: Path) -> dict[str, FileEntry]:
    """What the seal covers: sealed in two places after a kill, a session has two seals."""
    if place.is_dir():
        return read_manifest(place).files
    for name, file, _ in read_members(archive_path(place.parent, place.stem)):
        if name == MANIFEST_NAME:
            return msgspec.json.decode(file.read(), type=Manifest).files
    return {}
