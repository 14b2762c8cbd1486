"""The steps of a played session as instruction rows: what a model that plays is trained on.

A row is one decision: what was asked, what was seen, what was done and why. `instruction_record`
gives it the exact form of the seed's training data, in which ``training_data.jsonl`` is written.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from understudy.session.feedback import CurrentFeedback
from understudy.session.header import SessionHeader
from understudy.session.steps import AgentStep, EventStep
from understudy.session.trace_file import read_trace
from understudy.store.atomic import safe_join

PREVIOUS_ACTIONS = 10
"""How many of the last actions a row tells."""


class InstructionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision, and what is known of the session it is from."""

    session: str
    """Id of the session."""
    name: str
    """Of the session, for people."""
    n: int
    """The trace line it is from."""
    game: str
    task_id: str
    player: str
    instruction: str
    goal: str
    screenshot: str | None
    """Path below the session's folder of the picture before the action."""
    screen: str | None
    """Digest of that picture."""
    memory_context: str
    previous_actions: list[str]
    """The last ones, oldest first."""
    step_number: int
    total_steps: int
    """The budget as it stood then."""
    action: str
    reasoning: str
    expected_outcome: str
    timestamp: str
    model_used: str
    """The model, else the player."""
    effect: bool | None
    """Whether the step changed anything."""
    mistake: bool
    """Whether the player recorded it as a deliberate mistake."""
    success: bool | None
    """Whether the session's task was completed."""
    human_score: float | None
    auto_score: float | None


def as_instruction(words: str) -> str:
    """What is asked of a player, as a sentence begins."""
    return words[:1].upper() + words[1:]


def latest(actions: Sequence[str]) -> list[str]:
    """Those of the actions until now that a decision is told."""
    return list(actions[-PREVIOUS_ACTIONS:])


def instruction_rows(
    folder: Path, header: SessionHeader, facts: dict[str, Any], feedback: CurrentFeedback
) -> Iterator[InstructionRow]:
    """A row for each agent step of the session in ``folder``, in order.

    ``facts`` are those of its manifest; empty for a session that is not sealed.
    """
    task = header.metadata.get("task")
    task = task if isinstance(task, dict) else {}
    limit = header.metadata.get("max_steps")
    limit = limit if isinstance(limit, int) else facts.get("steps", 0)
    words = header.task or str(task.get("words", ""))
    previous: list[str] = []
    for step in read_trace(folder / "trace.jsonl"):
        if isinstance(step, EventStep) and step.kind == "extension":
            added = step.facts.get("steps")
            limit += added if isinstance(added, int) else 0
        if not isinstance(step, AgentStep):
            continue
        action = step.action if isinstance(step.action, str) else _as_text(step.action)
        yield InstructionRow(
            session=header.id,
            name=header.name,
            n=step.n,
            game=header.game,
            task_id=str(task.get("id", "")),
            player=header.player,
            instruction=as_instruction(words),
            goal=str(task.get("goal") or words),
            screenshot=step.screenshot,
            screen=step.facts.get("screen"),
            memory_context=step.observation or "",
            previous_actions=latest(previous),
            step_number=step.step,
            total_steps=limit,
            action=action,
            reasoning=step.reasoning or "",
            expected_outcome=step.expected_outcome or "",
            timestamp=step.time,
            model_used=step.model or header.model or header.player,
            effect=step.success,
            mistake=bool(step.facts.get("mistake")),
            success=facts.get("success"),
            human_score=feedback.human_score,
            auto_score=feedback.auto_score,
        )
        previous.append(action)


def instruction_record(row: InstructionRow, picture: bytes | None) -> dict[str, Any]:
    """``row`` with exactly the seed's keys; ``picture`` is the PNG before the action."""
    return {
        "instruction": row.instruction,
        "input": {
            "game_state": {
                "screenshot_base64": base64.b64encode(picture).decode() if picture else "",
                "memory_context": row.memory_context,
                "previous_actions": row.previous_actions,
            },
            "task_context": {
                "step_number": row.step_number,
                "total_steps": row.total_steps,
                "goal": row.goal,
            },
        },
        "output": {
            "action": row.action,
            "reasoning": row.reasoning,
            "expected_outcome": row.expected_outcome,
        },
        "metadata": {
            "session_id": row.session,
            "timestamp": row.timestamp,
            "model_used": row.model_used,
            "success": row.success,
            "human_score": row.human_score,
        },
    }


def picture_of(folder: Path, row: InstructionRow) -> bytes | None:
    """The PNG before the action; None where none was kept."""
    if row.screenshot is None:
        return None
    path = safe_join(folder, row.screenshot)
    return path.read_bytes() if path.is_file() else None


def training_data(
    folder: Path, header: SessionHeader, facts: dict[str, Any], feedback: CurrentFeedback
) -> bytes:
    """What ``training_data.jsonl`` holds: a record for each step."""
    lines = (
        msgspec.json.encode(instruction_record(row, picture_of(folder, row))) + b"\n"
        for row in instruction_rows(folder, header, facts, feedback)
    )
    return b"".join(lines)


def _as_text(action: Any) -> str:
    return msgspec.json.encode(action).decode()
