"""Writes the page that lists the tasks of `pocket`, from the game's own files.

Run it after a change to a task (`make docs` does); a test compares the page with what this would
write.
"""

from __future__ import annotations

import sys
from pathlib import Path

from understudy.games.builtin.pocket import GAME_FILE
from understudy.games.rom_file import read_rom_file
from understudy.games.task import Task
from understudy.players.budget import adaptive_limit

PAGE = Path(__file__).parent / "pocket-tasks.md"
_INTRODUCTION = """\
# Tasks of pocket

<!-- Written by docs/pocket_tasks.py from the game's files: change it there. -->

`pocket` comes with {count} tasks in {groups} groups. Ask for one by its name or by its words:

```console
understudy play pocket check-healing-items
understudy play pocket "battle the gym leader" --player human
```

A task that is a *report* ends with the action `report`, whose text is judged; every other one ends
as soon as it is done. *Steps* is what the script needs with the first seed and without mistakes,
*limit* the budget that follows from it where none is given. The last column is the game's own
check, on the values of the [memory map](pocket-memory-map.md): nothing else decides.
"""


def page() -> str:
    """The text of the page."""
    tasks = read_rom_file(GAME_FILE).tasks
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.group, []).append(task)
    parts = [_INTRODUCTION.format(count=len(tasks), groups=len(groups))]
    heads = ("Group", "About", "Tasks")
    parts.append(_table(heads, [(g, of[0].goal, str(len(of))) for g, of in groups.items()]))
    for group, of_group in groups.items():
        parts.append(f"## {group}\n")
        parts.append(
            _table(
                ("Task", "Words", "Starts at", "Steps", "Limit", "Difficulty", "Done when"),
                [_row(task) for task in of_group],
            )
        )
    return "\n".join(parts)


def _row(task: Task) -> tuple[str, ...]:
    if task.check is None:
        raise LookupError(f"{task.id} has no check")
    name = f"`{task.id}`" + (" (report)" if task.kind == "report" else "")
    numbers = (task.reference_steps, adaptive_limit(task), task.difficulty)
    return (name, task.words, task.start, *map(str, numbers), f"`{task.check.words()}`")


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> int:
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
