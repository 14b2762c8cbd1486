"""Stages of a line of work: one whose inputs have not changed is not done again.

Each stage leaves a note of what it was made from and what came of it. It counts as done only while
that note says the same inputs and what it made is still there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from understudy._version import __version__
from understudy.errors import UnderstudyError
from understudy.store.atomic import safe_slug, write_json_atomic

Facts = dict[str, Any]


class StageNote(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a stage that was done."""

    stage: str
    inputs: Facts
    facts: Facts
    seconds: float
    """How long it took."""
    code_version: str


class StageResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a stage came to."""

    stage: str
    facts: Facts
    seconds: float
    """How long it took; when it was reused, how long it had taken."""
    reused: bool


class Stages:
    """The stages of one line; their notes lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.results: list[StageResult] = []

    def run(
        self,
        stage: str,
        inputs: Mapping[str, Any],
        work: Callable[[], Facts],
        *,
        stands: Callable[[Facts], bool] = lambda _: True,
        force: bool = False,
    ) -> StageResult:
        """Do ``work`` unless it was done on the same ``inputs``.

        ``inputs`` and the facts that ``work`` returns are plain data. ``stands`` says whether what
        a stage made is still there. What ``work`` raises is raised, and leaves the old note.
        """
        plain: Facts = msgspec.json.decode(msgspec.json.encode(dict(inputs), enc_hook=str))
        note = None if force else self._note(stage)
        if (
            note is not None
            and note.inputs == plain
            and note.code_version == __version__
            and _holds(stands, note.facts)
        ):
            result = StageResult(stage=stage, facts=note.facts, seconds=note.seconds, reused=True)
        else:
            began = time.monotonic()
            facts = work()
            seconds = round(time.monotonic() - began, 3)
            facts = msgspec.json.decode(msgspec.json.encode(facts, enc_hook=str))
            self._folder.mkdir(parents=True, exist_ok=True)
            write_json_atomic(
                self._path(stage),
                StageNote(
                    stage=stage,
                    inputs=plain,
                    facts=facts,
                    seconds=seconds,
                    code_version=__version__,
                ),
            )
            result = StageResult(stage=stage, facts=facts, seconds=seconds, reused=False)
        self.results.append(result)
        return result

    def _note(self, stage: str) -> StageNote | None:
        try:
            return msgspec.json.decode(self._path(stage).read_bytes(), type=StageNote)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None  # never done, or nothing to go by

    def _path(self, stage: str) -> Path:
        return self._folder / f"{safe_slug(stage, 'stage')}.json"


def _holds(stands: Callable[[Facts], bool], facts: Facts) -> bool:
    try:
        return stands(facts)
    except (UnderstudyError, OSError, LookupError):
        return False
