"""How much memory this process holds, as the operating system counts it."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path

_MEGABYTE = 1_000_000
_STATM = Path("/proc/self/statm")


def resident_mb() -> float | None:
    """Resident memory now, in megabytes (10⁶); None where the system does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True, timeout=5
        )
        return int(told.stdout) * 1024 / _MEGABYTE
    return None
