"""Opening a session whose recorder was killed after half an hour at 60 frames a second."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.run import Run
from bench.table import Row

SUBJECT = "kill-open"
FRAMES = 108_000


def measure(run: Run) -> None:
    """Record and die, then open in a fresh process; importing the library is not counted."""
    count = run.count(FRAMES, FRAMES // 10)
    with tempfile.TemporaryDirectory(prefix="understudy-bench-") as name:
        folder = Path(name)
        if not run.ours("record-and-die", count=count, folder=folder):
            return
        limit = run.limit("read", count=count, folder=folder)
        opened = run.ours("open-killed", count=count, folder=folder)
        if opened and opened["frames"] != count:
            run.notes.append(f"kill-open: {opened['frames']:,} of {count:,} frames were readable")
    run.rows.append(
        Row(
            SUBJECT,
            f"opening a killed session of {count:,} frames",
            "s",
            opened.get("open_s"),
            1.0,
            limit=limit.get("seconds"),
            limit_name="reading its bytes",
        )
    )
    run.rows.append(
        Row(
            SUBJECT,
            "reading all its frames then",
            "s",
            opened.get("read_s"),
            limit=limit.get("seconds"),
            limit_name="reading its bytes",
        )
    )
