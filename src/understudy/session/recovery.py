"""Opening a session whose recorder was killed: cut what is torn, say so, keep the rest.

Repair is quick whatever the session's size, because nothing is rewritten: torn tails are cut off,
and one event in the trace says what was cut. The files stay as the recording left them and can be
read, and sealed, as they are.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from understudy.session import feedback
from understudy.session.header import read_header
from understudy.session.keeping.rewrite import JOURNAL_NAME, STAGED_SUFFIX, finish
from understudy.session.recording.counters import logger
from understudy.session.trace_file import TraceFileWriter
from understudy.session.views import METADATA_NAME, TRACE_NAME, write_views
from understudy.store.atomic import TEMPORARY_SUFFIX
from understudy.store.blocks import scan_blocks
from understudy.store.checked_lines import scan_lines, seal_line, whole_lines
from understudy.store.manifest import MANIFEST_NAME, read_manifest

_RECORDING = ("images.blocks", "frames.blocks")


def was_interrupted(folder: Path) -> bool:
    """Whether recording, sealing, rewriting or giving feedback in ``folder`` may have been killed.

    True for a session that is being recorded, too: its lock tells.
    """
    names = {path.name for path in folder.iterdir()}
    if not names >= {MANIFEST_NAME, METADATA_NAME, TRACE_NAME}:
        return True
    if names & {JOURNAL_NAME, *_RECORDING} or any(name.endswith(STAGED_SUFFIX) for name in names):
        return True
    return feedback.FILE_NAME in names and _may_be_newer(
        folder / feedback.FILE_NAME, folder / METADATA_NAME
    )


def repair(folder: Path, now: str) -> tuple[Path, list[str]]:
    """Put right what a kill left in ``folder``; the folder, and what was cut, in sentences.

    The folder has another name when masking it again was to give it one. The caller holds the
    session's lock: nobody records into it. Damage before the last whole record is not a torn tail;
    it is left for ``verify`` to report.
    """
    with feedback.held(folder):
        if (folder / JOURNAL_NAME).exists():
            folder = finish(folder)
        cut = _cut_torn_tails(folder)
        for leftover in folder.rglob(f"*{TEMPORARY_SUFFIX}"):
            leftover.unlink(missing_ok=True)
        if (folder / MANIFEST_NAME).exists():
            for name in _RECORDING:
                (folder / name).unlink(missing_ok=True)
            header = read_header(folder)
            current = feedback.derive(feedback.read_feedback(folder), header.tags)
            write_views(folder, header, read_manifest(folder).facts, current)
        elif cut:
            _write_event(folder, cut, now)
    if cut:
        logger.warning("%s was not closed properly; cut off: %s", folder, "; ".join(cut))
    return folder, cut


def _cut_torn_tails(folder: Path) -> list[str]:
    cut: list[str] = []
    for name in _RECORDING:
        path = folder / name
        if path.exists():
            scan = scan_blocks(path)
            if scan.torn:
                os.truncate(path, scan.end)
                cut.append(f"{scan.torn} bytes at the end of {name} ({scan.reason})")
    sealed = (folder / MANIFEST_NAME).exists()
    # What was sealed is never touched: there a torn tail is damage.
    for name in (feedback.FILE_NAME,) if sealed else ("trace.jsonl", feedback.FILE_NAME):
        path = folder / name
        if path.exists():
            lines = scan_lines(path)
            if lines.torn:
                os.truncate(path, lines.end)
                cut.append(f"{lines.torn} bytes at the end of {name} (an unfinished line)")
    return cut


def _may_be_newer(path: Path, than: Path) -> bool:
    # A file system's clock ticks in milliseconds: equal times tell nothing.
    return path.stat().st_mtime_ns >= than.stat().st_mtime_ns


def _write_event(folder: Path, cut: list[str], now: str) -> None:
    trace = folder / "trace.jsonl"
    lines = sum(1 for _ in whole_lines(trace)) if trace.exists() else 0
    event = {
        "type": "event",
        "n": lines + 1,
        "time": now,
        "mono_ns": time.monotonic_ns(),
        "schema": 1,
        "kind": "repaired",
        "facts": {"cut": cut},
    }
    writer = TraceFileWriter(trace)
    try:
        writer.write([seal_line(msgspec.json.encode(event))], sync=True)
    finally:
        writer.close()
