"""The JSON files that people and other tools open: derived from the record, never its source.

``session_metadata.json``, ``execution_trace.json`` and, where it was asked for,
``training_data.jsonl`` stand outside the manifest; those that tell scores are written anew, in one
step each, whenever feedback arrives.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from understudy.session.feedback import CurrentFeedback
from understudy.session.header import SessionHeader
from understudy.session.instruction import training_data
from understudy.session.steps import AgentStep, ChatStep, Step
from understudy.session.trace_file import read_trace
from understudy.store.atomic import json_bytes, write_atomic

METADATA_NAME = "session_metadata.json"
TRACE_NAME = "execution_trace.json"
TRAINING_NAME = "training_data.jsonl"
VIEWS = (METADATA_NAME, TRACE_NAME, TRAINING_NAME)


def metadata_view(
    header: SessionHeader, facts: dict[str, Any], feedback: CurrentFeedback
) -> dict[str, Any]:
    """What ``session_metadata.json`` holds."""
    comments = [f"{entry.author}: {entry.comment}" for entry in feedback.comments]
    limit, added = header.metadata.get("max_steps"), facts.get("extended_by")
    view: dict[str, Any] = {
        "session_metadata": {
            "session_id": header.id,
            "session_name": header.name,
            "task_description": header.task,
            "game": header.game,
            "player": header.player,
            "model_used": header.model,
            "start_time": header.started,
            "end_time": facts.get("ended"),
            "duration_s": facts.get("duration_s"),
            "status": facts.get("status"),
            "total_steps": facts.get("steps", 0),
            "max_steps": limit + added if limit and added else limit,
            "total_chats": facts.get("chats", 0),
            "total_frames": facts.get("frames", 0),
            "final_score": feedback.human_score,
            "automatic_score": feedback.auto_score,
            "scores": feedback.scores,
            "tags": list(feedback.tags),
            "task_completed": facts.get("success"),
            "license": header.license,
            "consent": header.consent,
            "counters": facts.get("counters", {}),
        },
        "final_result": {
            "task_outcome": facts.get("outcome"),
            "completion_status": facts.get("completion") or facts.get("status"),
            "reason": facts.get("reason"),
            "human_feedback": "\n".join(comments) or None,
            "score_justification": _justification(feedback),
        },
    }
    if added:
        view["session_metadata"]["extended_by"] = added
    return view


def trace_view(folder: Path) -> dict[str, Any]:
    """What ``execution_trace.json`` holds: every decision, without the histories of chats."""
    entries = (_entry(step) for step in read_trace(folder / "trace.jsonl"))
    return {"execution_trace": [entry for entry in entries if entry is not None]}


def views(
    folder: Path, header: SessionHeader, facts: dict[str, Any], feedback: CurrentFeedback
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every view that the session in ``folder`` has to have."""
    yield METADATA_NAME, json_bytes(metadata_view(header, facts, feedback))
    yield TRACE_NAME, json_bytes(trace_view(folder))
    if wants_training_data(header):
        yield TRAINING_NAME, training_data(folder, header, facts, feedback)


def write_views(
    folder: Path,
    header: SessionHeader,
    facts: dict[str, Any],
    feedback: CurrentFeedback,
) -> None:
    """Write the views, those that never change only where they are missing.

    Raises StorageError as the disk does. Under ``interval`` durability the disk is not waited for:
    views can be made again. The metadata comes last: as long as they are older than the feedback,
    the next opening writes all of it anew.
    """
    sync = header.durability == "step"
    if not (folder / TRACE_NAME).exists():
        write_atomic(folder / TRACE_NAME, json_bytes(trace_view(folder)), sync=sync)
    if wants_training_data(header):
        content = training_data(folder, header, facts, feedback)
        write_atomic(folder / TRAINING_NAME, content, sync=sync)
    metadata = json_bytes(metadata_view(header, facts, feedback))
    write_atomic(folder / METADATA_NAME, metadata, sync=sync)


def wants_training_data(header: SessionHeader) -> bool:
    """Whether the session was begun with the wish for ``training_data.jsonl``."""
    return header.metadata.get("save_training_data") is True


def _justification(feedback: CurrentFeedback) -> str | None:
    reasons = [entry.reason for entry in feedback.comments if entry.reason]
    return reasons[-1] if reasons else None


def _entry(step: Step) -> dict[str, Any] | None:
    if isinstance(step, AgentStep):
        entry = {
            "step": step.step,
            "screenshot": step.screenshot,
            "screenshot_after": step.screenshot_after,
            "ai_analysis": step.observation,
            "action_taken": step.action,
            "reasoning": step.reasoning,
            "expected_outcome": step.expected_outcome,
            "result": step.result,
            "success": step.success,
            "reward": step.reward,
            "latency_s": step.latency_s,
            "tokens": step.tokens,
            "model_used": step.model,
            "timestamp": step.time,
        }
        entry |= {name: fact for name, fact in step.facts.items() if name not in entry}
        return {name: value for name, value in entry.items() if value is not None}
    if isinstance(step, ChatStep):
        response = step.response or {}
        return {
            "chat": step.n,
            "messages": len(step.messages),
            "asked": step.messages[-1].get("content") if step.messages else None,
            "answered": response.get("content"),
            "tool_calls": response.get("tool_calls"),
            "status": step.status,
            "model_used": step.model,
            "timestamp": step.time,
        }
    return None
