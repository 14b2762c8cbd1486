"""How many cores this process may use, and sharing them with another that works beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TOLD = "OMP_NUM_THREADS"
"""What libraries that compute look for when they are loaded, and processes inherit."""


def cores() -> int:
    """As many as the environment says, else all that the system lets this process use."""
    told = os.environ.get(_TOLD, "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def share_of_the_cores(parts: int) -> Iterator[None]:
    """Compute with this share of them, one at least, here and in processes that are started.

    More threads than cores do not take turns: each waits for the others, and all stand still.
    """
    told, before = os.environ.get(_TOLD), cores()
    share = max(1, before // parts)
    os.environ[_TOLD] = str(share)
    _compute_with(share)
    try:
        yield
    finally:
        if told is None:
            del os.environ[_TOLD]
        else:
            os.environ[_TOLD] = told
        _compute_with(before)


def _compute_with(threads: int) -> None:
    """What is loaded already has looked, and has to be told."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
