"""From a session's folder to its line in the catalog, and the whole catalog from all folders."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from understudy.session.feedback import CurrentFeedback, derive, read_feedback
from understudy.session.header import SessionHeader, read_header
from understudy.session.play_facts import play_facts
from understudy.session.steps import AgentStep, ChatStep
from understudy.session.trace_file import read_trace
from understudy.store.catalog.schema import SessionRow
from understudy.store.hashes import sha256_file
from understudy.store.manifest import MANIFEST_NAME, read_manifest


def describe(folder: Path, *, being_recorded: Callable[[str], bool]) -> SessionRow:
    """The catalog's line for the session in ``folder``, from what lies there.

    ``being_recorded`` tells for an unsealed session's id whether a recorder holds it.
    """
    header = read_header(folder)
    feedback = derive(read_feedback(folder), header.tags)
    if (folder / MANIFEST_NAME).exists():
        facts = read_manifest(folder).facts
        return make_row(
            folder, header, facts, feedback, sealed_sha256=sha256_file(folder / MANIFEST_NAME)
        )
    facts = _unsealed_facts(folder)
    if being_recorded(header.id):
        facts |= {"status": "recording"}
    else:
        facts |= {"status": "killed", "reason": "the recorder ended without sealing the session"}
    return make_row(folder, header, facts, feedback)


def make_row(
    folder: Path,
    header: SessionHeader,
    facts: dict[str, Any],
    feedback: CurrentFeedback,
    *,
    sealed_sha256: str | None = None,
) -> SessionRow:
    """A catalog line from its parts."""
    counters = facts.get("counters", {})
    play = play_facts(header, facts)
    return SessionRow(
        id=header.id,
        directory=folder.name,
        name=header.name,
        game=header.game,
        task=header.task,
        task_id=play.task_id if play else "",
        player=header.player,
        model=header.model or "",
        status=facts.get("status", "recording"),
        reason=facts.get("reason"),
        started=header.started,
        ended=facts.get("ended"),
        duration_s=facts.get("duration_s"),
        steps=facts.get("steps", 0),
        chats=facts.get("chats", 0),
        frames=facts.get("frames", 0),
        images=facts.get("images", 0),
        bytes=folder_bytes(folder),
        seen=counters.get("seen", 0),
        stored=counters.get("stored", 0),
        dropped=counters.get("dropped", 0),
        masked=sum(counters.get("masked", {}).values()),
        human_score=feedback.human_score,
        auto_score=feedback.auto_score,
        success=facts.get("success"),
        tags=list(feedback.tags),
        license=header.license,
        consent=header.consent,
        sealed_sha256=sealed_sha256,
        schema=header.schema,
        play=play,
    )


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # written anew under our hands
                total += (Path(root) / name).lstat().st_size
    return total


def _unsealed_facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = {"steps": 0, "chats": 0, "frames": 0}
    for step in read_trace(folder / "trace.jsonl"):
        facts["steps"] += isinstance(step, AgentStep)
        facts["chats"] += isinstance(step, ChatStep)
        facts["ended"] = step.time
    frames = folder / "frames.blocks"
    if frames.exists():
        from understudy.session.frames.file import iterate_row_counts

        facts["frames"] = sum(iterate_row_counts(frames))
    return facts
