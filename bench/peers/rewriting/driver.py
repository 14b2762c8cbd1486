"""The collector in use today: read the whole array, add one example, write the whole array.

Written for this comparison after the description of the format; it needs nothing installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.driver import Task, main
from bench.examples import array_of, example
from bench.measure import Figures, summary, timed_calls

MOST_EXAMPLES = 500_000  # example-appends in one run: each costs as much as the file is long


def append(task: Task) -> Figures:
    path = array_of(task.folder, task.count)
    one = example()
    calls = max(1, min(20, MOST_EXAMPLES // (50 * max(1, task.count))))
    return summary(timed_calls(lambda i: _append(path, one), calls))


def _append(path: Path, one: dict[str, Any]) -> None:
    with open(path, encoding="utf-8") as file:
        array = json.load(file)
    array.append(one)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(array, file, ensure_ascii=False, indent=2)


if __name__ == "__main__":
    main({"append": append})
