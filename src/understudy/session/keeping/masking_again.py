"""Masking a session after the fact: the one exception to "nothing is edited in place".

The affected files are rewritten, the session is sealed again, and its seal says when that was done,
what it replaced, and how many findings of which kind there were.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy._util.clock import now_iso
from understudy.errors import CorruptionError
from understudy.session.feedback import held
from understudy.session.header import read_header
from understudy.session.keeping.masked_files import (
    HEADER,
    LARGEST_TEXT,
    is_looked_at,
    mask_file,
    renamed,
)
from understudy.session.keeping.rewrite import Staging, staged
from understudy.session.play_facts import tally
from understudy.session.trace_file import read_trace
from understudy.session.verify import damage
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME, FileEntry, Manifest, read_manifest

TRACE = "trace.jsonl"

if TYPE_CHECKING:
    from understudy.session.masking import Masker
    from understudy.session.workspace import Workspace


def mask_session(workspace: Workspace, name: str) -> Counter[str]:
    """Rewrite a session without what the workspace's masker finds; the counts by kind.

    One whose recorder was killed is sealed first. Raises SessionError while it is recorded,
    CorruptionError for a damaged one (masking would hide the damage), StorageError as the disk
    does; a kill at any moment leaves the old session or one that the next opening finishes.
    """
    session = workspace.seal_killed(name)
    session.close()
    folder = session.path
    with workspace.exclusive(session.id):
        with held(folder):
            problems = damage(folder)
            if problems:
                raise CorruptionError(
                    f"{folder.name} is damaged and was not masked: {problems[0].file} "
                    f"{problems[0].reason}; take that file back from a copy first"
                )
            masked, counts = _rewrite(folder, workspace.masker)
        if counts:
            workspace.catalog.put_session(workspace.describe(masked))
    return counts


def _rewrite(folder: Path, masker: Masker) -> tuple[Path, Counter[str]]:
    staging = Staging(folder)
    try:
        total: Counter[str] = Counter()
        changed = {}
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not path.is_file() or name == MANIFEST_NAME or not is_looked_at(name):
                continue
            if path.stat().st_size > LARGEST_TEXT and not name.endswith(".jsonl"):
                continue
            counts = _stage(staging, name, path, masker)
            if counts:
                changed[name] = counts
                total += counts
        manifest = read_manifest(folder)
        facts, found = masker.mask_value(manifest.facts)
        total += found
        if not total:
            return folder, total
        if found:
            changed[MANIFEST_NAME] = found
        manifest = _sealed_anew(folder, manifest, facts, changed)
    except BaseException:
        staging.abandon()
        raise
    directory = _new_directory(folder, changed)
    return staging.commit(manifest, directory=directory), total


def _stage(staging: Staging, name: str, path: Path, masker: Masker) -> Counter[str]:
    with staging.open(name) as target, open(path, "rb") as file:
        try:
            counts = mask_file(name, file, target, masker)
        except UnicodeDecodeError:
            counts = Counter()
    if not counts:
        staging.drop(name)
    return counts


def _sealed_anew(
    folder: Path, old: Manifest, facts: dict[str, Any], changed: dict[str, Counter[str]]
) -> Manifest:
    files = dict(old.files)
    for name in changed:
        if name in files:
            new = staged(folder, name)
            files[name] = FileEntry(sha256=sha256_file(new), size=new.stat().st_size)
    history = {
        "time": now_iso(),
        "what": "masked",
        "counts": dict(sum(changed.values(), Counter[str]())),
        "files": sorted(changed),
        "replaced_sha256": sha256_file(folder / MANIFEST_NAME),
    }
    if facts.get("play") and TRACE in changed:
        # Two actions may be one now that they are masked.
        facts = {**facts, "play": tally(read_trace(staged(folder, TRACE)))}
    facts = {**facts, "history": [*facts.get("history", []), history]}
    name = read_header(folder).name
    if HEADER in changed:
        name = msgspec.json.decode(staged(folder, HEADER).read_bytes())["name"]
    return msgspec.structs.replace(
        old, name=name, created=history["time"], files=files, facts=facts
    )


def _new_directory(folder: Path, changed: dict[str, Counter[str]]) -> str | None:
    """The folder's new name, where the old one shows what was masked in the session's name."""
    if HEADER not in changed:
        return None
    new = msgspec.json.decode(staged(folder, HEADER).read_bytes())["name"]
    directory = renamed(folder.name, read_header(folder).name, new)
    return directory if directory != folder.name else None
