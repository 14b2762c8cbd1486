"""`python -m bench`: measure and print one table. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench import (
    array_file,
    catalog_size,
    datasets,
    frames,
    pixels,
    playing,
    proxy,
    recovery,
    shipping,
    startup,
    training,
)
from bench.contest import say
from bench.measure import machine
from bench.run import Run
from bench.table import render

SUBJECTS: dict[str, Callable[[Run], None]] = {
    subject.SUBJECT: subject.measure
    for subject in (
        frames,
        pixels,
        recovery,
        array_file,
        proxy,
        startup,
        playing,
        datasets,
        catalog_size,
        training,
        shipping,
    )
}


def main() -> int:
    """Read the command line, measure, print; 1 when nothing of ours could be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        metavar="ROWS",
        default=",".join(SUBJECTS),
        help=f"which to measure, with commas between: {', '.join(SUBJECTS)}",
    )
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures")
    parser.add_argument("--no-peers", action="store_true", help="ours and the bare limits only")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here too")
    chosen = parser.parse_args()
    wanted = [name.strip() for name in chosen.only.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in SUBJECTS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; choose from {', '.join(SUBJECTS)}")
    run = Run(quick=chosen.quick, with_peers=not chosen.no_peers)
    for name in wanted:
        say(f"— {name} —")
        SUBJECTS[name](run)
    print(f"\n{machine()}{', quick' if run.quick else ''}; a ratio is ours ÷ theirs\n")
    print(render(run.rows))
    for title, lines in (("Notes", run.notes), ("Left out", run.skipped)):
        if lines:
            print(f"\n{title}:")
            print("\n".join(f"  {line}" for line in lines))
    if chosen.json:
        chosen.json.write_text(json.dumps(_facts(run), indent=2, ensure_ascii=False) + "\n")
    return 0 if any(row.ours is not None for row in run.rows) else 1


def _facts(run: Run) -> dict[str, object]:
    return {
        "machine": machine(),
        "quick": run.quick,
        "notes": run.notes,
        "left_out": run.skipped,
        "rows": [
            dataclasses.asdict(row)
            | {
                "met": row.met(),
                "ratio_to_limit": row.to_limit(),
                "ratio_to_peers": row.to_peers(),
            }
            for row in run.rows
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
