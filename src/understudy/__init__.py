"""Understudy: watch how a game is played, keep it safe, and train a model that can take over.

Importing the package costs next to nothing: every public name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from understudy._version import __version__

if TYPE_CHECKING:
    from understudy.capture.client import capture_client
    from understudy.capture.collector import SimpleTrainingCollector, log_complete_interaction
    from understudy.capture.gymnasium import record
    from understudy.errors import UnderstudyError
    from understudy.session.reader import RecordedSession
    from understudy.session.recording.recorder import SessionRecorder
    from understudy.session.workspace import Workspace

_HOMES = {
    "RecordedSession": "understudy.session.reader",
    "SessionRecorder": "understudy.session.recording.recorder",
    "SimpleTrainingCollector": "understudy.capture.collector",
    "UnderstudyError": "understudy.errors",
    "Workspace": "understudy.session.workspace",
    "capture_client": "understudy.capture.client",
    "log_complete_interaction": "understudy.capture.collector",
    "record": "understudy.capture.gymnasium",
}

__all__ = [
    "RecordedSession",
    "SessionRecorder",
    "SimpleTrainingCollector",
    "UnderstudyError",
    "Workspace",
    "__version__",
    "capture_client",
    "log_complete_interaction",
    "record",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'understudy' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
