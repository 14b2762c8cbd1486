"""From the chats of sessions to training examples: each call is one, its whole history first.

Read step by step, so that the memory used does not grow with the sessions; of what was yielded
only a digest stays, to drop exact repeats.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.datasets.selection import LeftOut, Selection, choose
from understudy.errors import UnderstudyError
from understudy.formats.openai_messages import training_example
from understudy.session.steps import ChatStep

if TYPE_CHECKING:
    from understudy.session.feedback import FeedbackEntry
    from understudy.session.reader import RecordedSession
    from understudy.session.workspace import Workspace

COMPLETE = ("complete",)
_DIGEST_BYTES = 16


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that was replaced by someone's correction of it."""

    session: str
    step: int
    author: str
    time: str
    reason: str | None = None


class ChatExample(msgspec.Struct, frozen=True, kw_only=True):
    """One example and where it comes from."""

    example: dict[str, Any]
    session: RecordedSession
    step: int
    corrected: Corrected | None = None

    def left_out(self, reason: str) -> LeftOut:
        return _left_out(self.session, self.step, reason)


def chat_examples(
    workspace: Workspace,
    selection: Selection,
    leave_out: Callable[[LeftOut], None],
    *,
    statuses: Sequence[str] = COMPLETE,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[ChatExample]:
    """The examples of all chats whose status is among ``statuses``, oldest session first.

    A correction in the feedback takes the place of the answer. Exact repeats come once.
    """
    seen: dict[bytes, tuple[str, int]] = {}
    for session in choose(workspace, selection, leave_out, progress=progress):
        for found in _of_session(session, statuses, leave_out):
            digest = example_digest(found.example)
            if digest in seen:
                name, step = seen[digest]
                leave_out(found.left_out(f"it is the same as step {step} of session {name}"))
                continue
            seen[digest] = (session.id, found.step)
            yield found


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


def _of_session(
    session: RecordedSession, statuses: Sequence[str], leave_out: Callable[[LeftOut], None]
) -> Iterator[ChatExample]:
    step_number = None
    try:
        corrections = session.current_feedback.corrections
        for step in session.trace():
            step_number = step.n
            if not isinstance(step, ChatStep):
                continue
            if step.status not in statuses:
                leave_out(_left_out(session, step.n, f"the call ended as {step.status}"))
                continue
            correction = corrections.get(step.n)
            answer = step.response if correction is None else _corrected_answer(correction)
            if answer is None:
                reason = (
                    "there is no answer" if correction is None else "its correction is no answer"
                )
                leave_out(_left_out(session, step.n, reason))
                continue
            yield ChatExample(
                example=_example(step, answer),
                session=session,
                step=step.n,
                corrected=None if correction is None else _corrected(session, step.n, correction),
            )
    except UnderstudyError as error:
        place = "its beginning" if step_number is None else f"step {step_number}"
        leave_out(_left_out(session, None, f"what follows {place} could not be read: {error}"))


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


def _corrected(session: RecordedSession, step: int, entry: FeedbackEntry) -> Corrected:
    return Corrected(
        session=session.id, step=step, author=entry.author, time=entry.time, reason=entry.reason
    )


def _left_out(session: RecordedSession, step: int | None, reason: str) -> LeftOut:
    return LeftOut(session=session.id, directory=session.path.name, step=step, reason=reason)
