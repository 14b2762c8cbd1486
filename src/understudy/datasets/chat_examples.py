"""From the chats of sessions to training examples: each call is one, its whole history first.

A correction that somebody gave takes the place of the answer, and what was said stays beside it, as
do scores of the answer by itself: preferences are learned from those.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.chat.messages import text_of
from understudy.chat.tools.bracket import read_brackets
from understudy.chat.tools.json_schema import read_json_call
from understudy.chat.tools.registry import TOOLS, ToolRegistry
from understudy.datasets.found import Found, corrected_by
from understudy.datasets.selection import LeftOut, left_out
from understudy.errors import UnderstudyError
from understudy.formats.dataset_rows import ChatRow
from understudy.formats.openai_messages import training_example, training_message
from understudy.formats.tool_spelling import speaks_in_brackets
from understudy.session.feedback import derive, is_human, standing
from understudy.session.steps import ChatStep

if TYPE_CHECKING:
    from understudy.session.feedback import FeedbackEntry
    from understudy.session.reader import RecordedSession

COMPLETE = ("complete",)
_DIGEST_BYTES = 16


def session_chats(
    session: RecordedSession,
    leave_out: Callable[[LeftOut], None],
    *,
    statuses: Sequence[str] = COMPLETE,
    registry: ToolRegistry = TOOLS,
) -> Iterator[Found]:
    """A row for each chat of the session whose status is among ``statuses``.

    A correction in the feedback takes the place of the answer: a text, or an assistant message.
    Where the chat calls tools of ``registry``, the correction's calls have to fit their schemas.
    """
    step_number = None
    try:
        entries = session.feedback()
        feedback = derive(entries, session.header.tags)
        scores = _answer_scores(entries)
        for step in session.trace():
            step_number = step.n
            if not isinstance(step, ChatStep):
                continue
            if step.status not in statuses:
                leave_out(left_out(session, step.n, f"the call ended as {step.status}"))
                continue
            correction = feedback.corrections.get(step.n)
            answer = step.response if correction is None else _corrected_answer(correction)
            objection = _objection(step, answer, correction, registry)
            if objection or answer is None:
                leave_out(left_out(session, step.n, objection))
                continue
            example = _example(step, answer)
            row = ChatRow(
                example=example,
                session=session.id,
                n=step.n,
                game=session.header.game,
                player=session.header.player,
                timestamp=step.time,
                model_used=step.model or session.header.model or "",
                success=session.facts.get("success"),
                human_score=feedback.human_score,
                auto_score=feedback.auto_score,
                corrected=correction is not None,
                rejected=_rejected(step, example) if correction is not None else None,
                answer_score=scores.get(step.n),
            )
            yield Found(
                row=row, session=session, corrected=corrected_by(session, step.n, correction)
            )
    except UnderstudyError as error:
        place = "its beginning" if step_number is None else f"step {step_number}"
        leave_out(left_out(session, None, f"what follows {place} could not be read: {error}"))


def example_digest(example: dict[str, Any]) -> bytes:
    """Equal for equal examples, whatever the order of their keys."""
    try:
        encoded = msgspec.json.encode(example, order="deterministic")
    except UnicodeEncodeError:
        encoded = repr(example).encode("ascii", "backslashreplace")
    return hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES).digest()


def chat_digest(row: ChatRow) -> bytes:
    """Equal for rows that teach the same: the same example, with the same worse answer to it."""
    if row.rejected is None:
        return example_digest(row.example)
    return example_digest({**row.example, "rejected": row.rejected})


def digests_of_session(session: RecordedSession) -> set[bytes]:
    """Of every example that the session's chats make, corrected and as they were."""
    digests: set[bytes] = set()
    corrections = session.current_feedback.corrections
    for step in session.trace():
        if isinstance(step, ChatStep) and step.response is not None:
            digests.add(example_digest(_example(step, step.response)))
            answer = _corrected_answer(corrections.get(step.n))
            if answer is not None:
                digests.add(example_digest(_example(step, answer)))
    return digests


def _example(step: ChatStep, answer: dict[str, Any]) -> dict[str, Any]:
    params = step.call.get("params")
    params = params if isinstance(params, dict) else {}
    example = training_example(
        step.messages,
        answer,
        tools=step.tools,
        parallel_tool_calls=params.get("parallel_tool_calls"),
    )
    if params.get("functions"):
        example["functions"] = params["functions"]
    return example


def _rejected(step: ChatStep, example: dict[str, Any]) -> dict[str, Any] | None:
    """What was said, where there was something and it is not what the correction says."""
    if step.response is None:
        return None
    said = training_message({**step.response, "role": "assistant"})
    return None if said == example["messages"][-1] else said


def _answer_scores(entries: Sequence[FeedbackEntry]) -> dict[int, float]:
    """By trace line, the median of the latest score of each person for that answer alone."""
    latest: dict[int, dict[str, float]] = {}
    for entry in standing(entries):
        if entry.step is not None and entry.score is not None and is_human(entry.author):
            latest.setdefault(entry.step, {})[entry.author] = entry.score
    return {n: statistics.median(scores.values()) for n, scores in latest.items()}


def _corrected_answer(entry: FeedbackEntry | None) -> dict[str, Any] | None:
    correction = entry.correction if entry is not None else None
    if isinstance(correction, str) and correction:
        return {"role": "assistant", "content": correction}
    if not isinstance(correction, dict) or not correction.keys() & {"content", "tool_calls"}:
        return None
    calls = correction.get("tool_calls")
    if not isinstance(calls, list):
        return correction
    # Whoever writes a correction by hand makes up no ids.
    named = [
        {**call, "id": call.get("id") or f"call_{number}"} if isinstance(call, dict) else call
        for number, call in enumerate(calls, start=1)
    ]
    return {**correction, "tool_calls": named}


def _objection(
    step: ChatStep,
    answer: dict[str, Any] | None,
    correction: FeedbackEntry | None,
    registry: ToolRegistry,
) -> str:
    """Why nothing can be learned from the answer, or its correction; empty when it can."""
    if correction is None:
        return "there is no answer" if answer is None else ""
    if answer is None:
        return "its correction is no answer"
    wrong = _wrong_call(step, answer, registry)
    return f"its correction calls a tool wrongly; {wrong}" if wrong else ""


def _wrong_call(step: ChatStep, answer: dict[str, Any], registry: ToolRegistry) -> str:
    """What is wrong with a call in the answer, where the chat is one that calls these tools."""
    text = text_of(answer.get("content"))
    said = [step.response] if step.response is not None else []
    if "[" in text and speaks_in_brackets({"messages": [*step.messages, *said]}, registry):
        for bad in read_brackets(text, registry).malformed:
            return f"{bad.tool}: {bad.reason}"
    offered = {_name(tool) for tool in step.tools}
    calls = answer.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        name = _name(call)
        if name in registry and name in offered:
            try:
                read_json_call(name, call["function"].get("arguments"), registry)
            except ValueError as error:
                return f"{name}: {error}"
    return ""


def _name(called: Any) -> str:
    function = called.get("function") if isinstance(called, dict) else None
    return str(function.get("name")) if isinstance(function, dict) else ""
