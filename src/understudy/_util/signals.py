"""Ending well when the program is to end: Ctrl-C, a wish to terminate, a terminal that closes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_STOPPING = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signal.Signals.__members__
)
_INSISTING_S = 1.0


class StopSignals:
    """Hears that the program is to end while it is open, and stops only where that is safe.

    Inside ``at_once`` (waiting for a person or a server) KeyboardInterrupt is raised in the middle
    of things, as Python does it. Elsewhere the signal waits for the next ``check``: raised inside
    compiled code it could be swallowed there, and what is being written would be torn. Asked again
    a second later, it stops wherever it is. Does nothing outside the main thread.
    """

    def __init__(self) -> None:
        self._asked_at: float | None = None
        self._waiting = False
        self._before: dict[int, Any] = {}

    def check(self) -> None:
        """Raise KeyboardInterrupt when stopping has been asked for."""
        if self._asked_at is not None:
            raise KeyboardInterrupt

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Stop in the middle of whatever is done inside."""
        self._waiting = True
        try:
            self.check()
            yield
        finally:
            self._waiting = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _STOPPING:
                # What ignores a signal goes on ignoring it; None has a handler not of Python's.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        # Terminals and supervisors may say it twice at once: that is one wish.
        if self._waiting or now - self._asked_at > _INSISTING_S:
            raise KeyboardInterrupt


@contextmanager
def stop_on_terminate() -> Iterator[None]:
    """Treat being terminated as Ctrl-C, so that what is being done can be ended well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
