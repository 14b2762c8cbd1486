"""From the chats of sessions to training examples: each call is one, its whole history first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.datasets.found import Found, corrected_by
from understudy.datasets.selection import LeftOut, left_out
from understudy.errors import UnderstudyError
from understudy.formats.dataset_rows import ChatRow
from understudy.formats.openai_messages import training_example
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
) -> Iterator[Found]:
    """A row for each chat of the session whose status is among ``statuses``.

    A correction in the feedback takes the place of the answer.
    """
    step_number = None
    try:
        feedback = session.current_feedback
        for step in session.trace():
            step_number = step.n
            if not isinstance(step, ChatStep):
                continue
            if step.status not in statuses:
                leave_out(left_out(session, step.n, f"the call ended as {step.status}"))
                continue
            correction = feedback.corrections.get(step.n)
            answer = step.response if correction is None else _corrected_answer(correction)
            if answer is None:
                reason = (
                    "there is no answer" if correction is None else "its correction is no answer"
                )
                leave_out(left_out(session, step.n, reason))
                continue
            row = ChatRow(
                example=_example(step, answer),
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


def _corrected_answer(entry: FeedbackEntry | None) -> dict[str, Any] | None:
    correction = entry.correction if entry is not None else None
    if isinstance(correction, str) and correction:
        return {"role": "assistant", "content": correction}
    if isinstance(correction, dict) and ("content" in correction or "tool_calls" in correction):
        return correction
    return None
