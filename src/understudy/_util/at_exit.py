"""What is done when the program ends, in an order that does not depend on what was imported when.

First whoever still holds something that is to be recorded hands it over; then the recorders end.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable

Work = Callable[[], object]

_handing_over: list[Work] = []
_ending: list[Work] = []


def hand_over_at_exit(work: Work) -> Work:
    """Do ``work`` at the end, before any recorder ends; usable as a decorator."""
    _handing_over.append(work)
    return work


def end_at_exit(work: Work) -> Work:
    """Do ``work`` at the end, after everything has been handed over; usable as a decorator."""
    _ending.append(work)
    return work


def forget_at_exit(work: Work) -> None:
    """Do not do ``work`` at the end after all; nothing where it was not to be done."""
    for waiting in (_handing_over, _ending):
        if work in waiting:
            waiting.remove(work)


@atexit.register
def _run() -> None:
    for waiting in (_handing_over, _ending):
        while waiting:
            waiting.pop()()
