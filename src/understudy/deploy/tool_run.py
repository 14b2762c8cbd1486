"""Running llama.cpp's own tools, each in a process of its own: their progress, and their faults.

What goes wrong in there (a traceback, an assertion of C++, a signal) ends that process and becomes
one sentence here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence

from understudy.errors import DeployError

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""
_KEPT_LINES = 60
_FAULT = re.compile(
    r"^\s*(?:[\w.]*(?:Error|Exception)\b:?|ERROR\b[^:]*:?[^:]*:?|GGML_ASSERT)\s*(.*)$"
)


def run_tool(
    arguments: Sequence[str],
    *,
    doing: str,
    known_faults: Sequence[tuple[str, str]] = (),
    done_of: re.Pattern[str] | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Run Python with ``arguments`` and return the last lines of what it said.

    ``done_of`` finds numbers in a line: what is done, and of how much where that is not 100.
    ``known_faults`` are parts of messages and what they mean. Raises DeployError that begins with
    ``doing``.
    """
    said: deque[str] = deque(maxlen=_KEPT_LINES)
    # Nothing is to be fetched: what is not in the folder is not to be had.
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            # Bars are redrawn after a carriage return, which reads as a line end here.
            for line in process.stdout:
                said.append(line.rstrip())
                found = done_of.search(line) if done_of and progress else None
                if found and progress:
                    done, *of = map(int, found.groups())
                    progress(done, of[0] if of else 100)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise DeployError(
            f"{doing} failed: {_meaning(list(said), process.returncode, known_faults)}"
        )
    return list(said)


def _meaning(said: list[str], status: int, known_faults: Sequence[tuple[str, str]]) -> str:
    text = "\n".join(said)
    for part, meaning in known_faults:
        if part in text:
            return meaning
    for line in reversed(said):
        found = _FAULT.match(line)
        if found:
            return f"{line.strip()}; see that the model's folder is whole"
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    how = f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
    return f"{how} ({last}); see that the model's folder is whole and that there is enough memory"
