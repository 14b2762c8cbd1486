"""Checking a session to the last bit: what is missing, changed, or does not add up, and where."""

from __future__ import annotations

from pathlib import Path

from understudy.errors import UnderstudyError
from understudy.session import feedback, views
from understudy.session.feedback import derive, read_feedback
from understudy.session.header import read_header
from understudy.session.keeping.rewrite import JOURNAL_NAME
from understudy.session.seal import derive_facts
from understudy.store.blocks import scan_blocks
from understudy.store.checked_lines import scan_lines
from understudy.store.manifest import MANIFEST_NAME, Problem, check_files, read_manifest

_COUNTED = ("steps", "chats", "events", "frames", "gaps", "images", "ended", "play")


def verify(folder: Path, *, sealed_sha256: str | None = None) -> list[Problem]:
    """All problems of the session in ``folder``; none means that every bit is as recorded.

    Changes nothing. ``sealed_sha256`` is the manifest's hash as the catalog knows it.
    """
    return damage(folder, sealed_sha256=sealed_sha256) + _disagreements(folder)


def damage(folder: Path, *, sealed_sha256: str | None = None) -> list[Problem]:
    """As ``verify``, without what already did not add up when the session was sealed."""
    if (folder / JOURNAL_NAME).exists():
        return [
            Problem(
                JOURNAL_NAME,
                "masking was interrupted; `understudy session show` of this session finishes it",
            )
        ]
    problems = _check_lines(folder)
    try:
        header = read_header(folder)
    except UnderstudyError as error:
        return [*problems, Problem("session.json", str(error))]
    if not (folder / MANIFEST_NAME).exists():
        return problems + _check_blocks(folder)
    try:
        manifest = read_manifest(folder)
    except UnderstudyError as error:
        return [*problems, Problem(MANIFEST_NAME, str(error))]
    if sealed_sha256 is not None:
        from understudy.store.hashes import sha256_file

        if sha256_file(folder / MANIFEST_NAME) != sealed_sha256:
            problems.append(Problem(MANIFEST_NAME, "is not the one that the catalog knows"))
    problems += check_files(folder, manifest)
    if manifest.id != header.id:
        problems.append(Problem(MANIFEST_NAME, f"belongs to session {manifest.id}"))
    damaged = {problem.file for problem in problems}
    if not damaged & {"session.json", "trace.jsonl", "frames.parquet", "images.pack"}:
        facts = derive_facts(folder, header)
        for name in _COUNTED:
            if facts[name] != manifest.facts.get(name):
                problems.append(
                    Problem(
                        MANIFEST_NAME,
                        f"says {manifest.facts.get(name)} {name} and {facts[name]} are there",
                    )
                )
    if not problems:
        problems += _check_views(folder)
    return problems


def _disagreements(folder: Path) -> list[Problem]:
    try:
        facts = read_manifest(folder).facts
    except UnderstudyError:  # unsealed, or said already
        return []
    return [
        Problem(MANIFEST_NAME, f"was sealed although {disagreement}")
        for disagreement in facts.get("disagreements", [])
    ]


def _check_lines(folder: Path) -> list[Problem]:
    problems = []
    for name in ("trace.jsonl", feedback.FILE_NAME):
        path = folder / name
        if not path.exists():
            continue
        scan = scan_lines(path)
        problems += [
            Problem(name, f"line {number} does not match its checksum") for number in scan.damaged
        ]
        if scan.torn:
            problems.append(Problem(name, f"the last {scan.torn} bytes are no whole line"))
    return problems


def _check_blocks(folder: Path) -> list[Problem]:
    problems = []
    for name in ("frames.blocks", "images.blocks"):
        if (folder / name).exists():
            scan = scan_blocks(folder / name)
            if scan.torn:
                problems.append(Problem(name, f"{scan.reason}; {scan.torn} bytes behind it"))
    return problems


def _check_views(folder: Path) -> list[Problem]:
    """The derived JSON files against what they are derived from, byte by byte."""
    header = read_header(folder)
    facts = read_manifest(folder).facts
    current = derive(read_feedback(folder), header.tags)
    problems = []
    for name, view in views.views(folder, header, facts, current):
        try:
            there = (folder / name).read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            problems.append(Problem(name, f"cannot be read ({reason})"))
            continue
        if there != view:
            problems.append(Problem(name, "does not say what the record says"))
    return problems
