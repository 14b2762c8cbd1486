"""Clocks and sizes that every contestant is measured with, whoever it is.

Runs inside the peers' environments too, so it imports nothing but the standard library.
Nothing is subtracted from a measured call: the clock's own cost is in every figure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def timed_calls(
    call: Callable[[int], object],
    count: int,
    *,
    hz: float | None = None,
    burst: int | None = None,
    between_bursts: Callable[[], object] = lambda: None,
) -> array[int]:
    """Nanoseconds of each of `count` calls; with `hz`, one call a tick as a game would.

    `burst` calls `between_bursts` (not measured) after every so many calls.
    """
    clock = time.perf_counter_ns
    spent = array("q", bytes(8 * count))
    period = 0 if hz is None else int(1e9 / hz)
    due = clock()
    for i in range(count):
        if period:
            due += period
            pause = due - clock()
            if pause > 0:
                time.sleep(pause / 1e9)
        elif burst and i and i % burst == 0:
            between_bursts()
        begin = clock()
        call(i)
        spent[i] = clock() - begin
    return spent


def summary(spent: Iterable[int], *, closing_ns: int = 0) -> Figures:
    """Median, 99th percentile and mean in microseconds; `closing_ns` is time the caller
    lost besides (saving episodes, closing files), shared out over the frames."""
    ordered = sorted(spent)
    count = len(ordered)
    return {
        "count": count,
        "median_us": ordered[count // 2] / 1e3,
        "p99_us": ordered[min(count - 1, int(count * 0.99))] / 1e3,
        "max_us": ordered[-1] / 1e3,
        "mean_us": sum(ordered) / count / 1e3,
        "closed_mean_us": (sum(ordered) + closing_ns) / count / 1e3,
    }


def timed(call: Callable[[], object]) -> int:
    """Nanoseconds of one call."""
    begin = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begin


def bytes_below(path: Path) -> int:
    """The sizes of all files below a folder, or of one file."""
    if path.is_file():
        return path.stat().st_size
    return sum(item.stat().st_size for item in path.rglob("*") if item.is_file())


def resident_mb(pid: int | None = None) -> float:
    """Resident memory of a process in MB (this one by default); NaN where `ps` is missing."""
    pid = os.getpid() if pid is None else pid
    status = Path(f"/proc/{pid}/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    try:
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return float("nan")
    return int(told) * 1024 / 1e6


def processor_seconds(pid: int) -> float:
    """Processor time a process and its threads have used so far, in seconds."""
    status = Path(f"/proc/{pid}/stat")
    if status.exists():
        fields = status.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    try:
        told = subprocess.run(
            ["ps", "-o", "time=", "-p", str(pid)], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return float("nan")
    seconds = 0.0
    for part in told.replace("-", ":").split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def machine() -> str:
    """One line about where the figures come from."""
    return f"{sys.platform}, {os.cpu_count()} processors, Python {sys.version.split()[0]}"
