"""Saying what a captured answer should have been: what the next training learns from."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from understudy.chat.tools.bracket import read_brackets
from understudy.datasets.tool_survey import registry_in
from understudy.errors import SessionError, UsageError
from understudy.session.steps import ChatStep

if TYPE_CHECKING:
    from understudy.session.feedback import FeedbackEntry
    from understudy.session.workspace import Workspace


def answer_of(workspace: Workspace, name: str, step: int) -> str:
    """What was answered in a chat, as it counts now: its latest correction, else the recording.

    Raises SessionError for a session or a line that there is not, UsageError for one that is no
    answered chat.
    """
    with closing(workspace.session(name)) as session:
        corrected = session.current_feedback.corrections.get(step)
        if corrected is not None and isinstance(corrected.correction, dict):
            return str(corrected.correction.get("content") or "")
        line = next((one for one in session.trace() if one.n == step), None)
        if line is None:
            raise SessionError(
                f"{session.path.name} has no trace line {step}; `understudy session show "
                f"{name} --trace` lists them"
            )
        if not isinstance(line, ChatStep) or line.response is None:
            raise UsageError(
                f"line {step} of {session.path.name} is no chat with an answer, so there is "
                "nothing to correct; `understudy session show --trace` lists the chats"
            )
        return str(line.response.get("content") or "")


def correct(
    workspace: Workspace,
    name: str,
    step: int,
    text: str | None,
    *,
    author: str,
    score: float | None = None,
    reason: str | None = None,
) -> FeedbackEntry:
    """Put down what should have been answered, how good the answer was, or both.

    The calls in ``text`` must be what the workspace's tools accept: what is learned from has to be
    right. Raises UsageError for one that is not, and as `answer_of` does.
    """
    answer_of(workspace, name, step)
    if text is not None:
        _check(workspace, text)
    with closing(workspace.session(name)) as session:
        return session.add_feedback(
            author=author,
            step=step,
            score=score,
            correction=None if text is None else {"role": "assistant", "content": text},
            reason=reason,
        )


def _check(workspace: Workspace, text: str) -> None:
    if not text.strip():
        raise UsageError("a correction says what should have been answered; it is empty")
    registry = registry_in(workspace.path)
    reading = read_brackets(text, registry)
    if reading.malformed:
        bad = reading.malformed[0]
        raise UsageError(
            f"the call of {bad.tool} in the correction is malformed: {bad.reason}; its format is "
            f"{registry[bad.tool].format}"
        )
    if reading.unknown:
        raise UsageError(
            f"the correction calls {reading.unknown[0].name!r}, and there is no such tool; known "
            f"are {', '.join(registry.names)}"
        )
