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
from understudy.session.counters import logger
from understudy.session.trace_file import TraceFileWriter
from understudy.store.atomic import TEMPORARY_SUFFIX
from understudy.store.blocks import scan_blocks
from understudy.store.checked_lines import scan_lines, seal_line, whole_lines
from understudy.store.manifest import MANIFEST_NAME


def repair(folder: Path, now: str) -> list[str]:
    """Cut torn tails in ``folder`` and return what was cut, in sentences.

    The caller holds the session's lock: nobody records into it. Damage before the last whole
    record is not a torn tail; it is left for ``verify`` to report.
    """
    cut: list[str] = []
    for name in ("images.blocks", "frames.blocks"):
        path = folder / name
        if path.exists():
            scan = scan_blocks(path)
            if scan.torn:
                os.truncate(path, scan.end)
                cut.append(f"{scan.torn} bytes at the end of {name} ({scan.reason})")
    for name in ("trace.jsonl", feedback.FILE_NAME):
        path = folder / name
        if path.exists():
            lines = scan_lines(path)
            if lines.torn:
                os.truncate(path, lines.end)
                cut.append(f"{lines.torn} bytes at the end of {name} (an unfinished line)")
    for leftover in folder.rglob(f"*{TEMPORARY_SUFFIX}"):
        leftover.unlink(missing_ok=True)
    if (folder / MANIFEST_NAME).exists():
        for leftover in (folder / "frames.blocks", folder / "images.blocks"):
            leftover.unlink(missing_ok=True)
    elif cut:
        _write_event(folder, cut, now)
    if cut:
        logger.warning("%s was not closed properly; cut off: %s", folder, "; ".join(cut))
    return cut


def was_interrupted(folder: Path) -> bool:
    """Whether the session in ``folder`` was begun and never sealed."""
    return not (folder / MANIFEST_NAME).exists()


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
