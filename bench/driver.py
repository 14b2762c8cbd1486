"""The one way to run a contestant: `python -m MODULE SUBJECT --count N [--hz H]` prints JSON.

Ours, the bare limits and every peer are drivers of this form, so that each is measured in a
fresh process and the same way. Standard library only: it runs in the peers' environments.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Figures

WARM_UP = 200  # frames stored but not measured before the clock starts


@dataclass(frozen=True)
class Task:
    """What a driver is asked to do: how many frames, how fast, and where to put them."""

    folder: Path
    count: int
    hz: float | None = None


def main(subjects: Mapping[str, Callable[[Task], Figures]]) -> None:
    """Run one subject as the command line asks and print its figures as the last line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("subject", choices=sorted(subjects))
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--hz", type=float)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    if chosen.folder is not None:
        figures = subjects[chosen.subject](Task(chosen.folder, chosen.count, chosen.hz))
    else:
        with tempfile.TemporaryDirectory(prefix="understudy-bench-") as folder:
            figures = subjects[chosen.subject](Task(Path(folder), chosen.count, chosen.hz))
    sys.stdout.write("\n" + json.dumps(figures) + "\n")
    sys.stdout.flush()
