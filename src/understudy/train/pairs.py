"""What preferences are learned from: an answer with a better one, or with a thumb up or down.

A pair is a dictionary with ``prompt`` (messages), ``chosen`` and ``rejected`` (one answer each); a
single judgement has ``completion`` and ``label`` instead. ``where`` names it for people.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from understudy.chat.tools.registry import ToolRegistry
from understudy.datasets.selection import LeftOut, Selection, choose
from understudy.errors import TrainingError
from understudy.session.feedback import FeedbackEntry, standing
from understudy.session.steps import ChatStep
from understudy.train.examples import Example, as_example

if TYPE_CHECKING:
    from understudy.session.reader import RecordedSession
    from understudy.session.workspace import Workspace

THUMB_UP, THUMB_DOWN = 6.0, 4.0
"""A score of one answer counts as a thumb up from here, and as a thumb down to there."""


def as_pair(
    raw: Mapping[str, Any],
    where: str,
    *,
    registry: ToolRegistry | None = None,
    calls: str = "auto",
) -> Example:
    """``raw``, in OpenAI's preference form or in TRL's paired or unpaired one.

    Raises TrainingError naming ``where`` for what is none of them.
    """
    if isinstance(raw.get("input"), Mapping) and "preferred_output" in raw:
        prompt, tools = raw["input"].get("messages"), raw["input"].get("tools")
        answers = {
            "chosen": raw["preferred_output"],
            "rejected": raw.get("non_preferred_output"),
        }
    else:
        prompt, tools = raw.get("prompt"), raw.get("tools")
        answers = {key: raw[key] for key in ("chosen", "rejected", "completion") if key in raw}
    if answers.keys() == {"chosen", "rejected"}:
        label = None
    elif answers.keys() == {"completion"} and isinstance(raw.get("label"), bool):
        label = raw["label"]
    else:
        raise TrainingError(
            f"{where} tells no preference; give prompt, chosen and rejected, or prompt, completion "
            "and label"
        )
    pair: Example = {"where": where}
    for key, answer in answers.items():
        told = [{"role": "assistant", "content": answer}] if isinstance(answer, str) else answer
        asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        if not isinstance(told, Sequence) or not isinstance(asked, Sequence):
            raise TrainingError(f"prompt and {key} of {where} are no lists of messages")
        whole = as_example(
            {"messages": [*asked, *told], "tools": tools},
            f"the {key} answer of {where}",
            registry=registry,
            calls=calls,
        )
        if len(told) != 1 or whole["messages"][-1]["role"] != "assistant":
            raise TrainingError(f"the {key} answer of {where} is not one message of the assistant")
        pair["prompt"], pair[key] = whole["messages"][:-1], whole["messages"][-1:]
        if whole.get("tools"):
            pair["tools"] = whole["tools"]
    if label is not None:
        pair["label"] = label
    elif pair["chosen"] == pair["rejected"]:
        raise TrainingError(f"both answers of {where} are the same; remove it")
    return pair


def corrected_answers(
    workspace: Workspace,
    selection: Selection,
    leave_out: Callable[[LeftOut], None],
    **reading: Any,
) -> Iterator[tuple[RecordedSession, Example]]:
    """A pair for each captured answer that somebody corrected: the correction is the better one."""
    for session in choose(workspace, selection, leave_out):
        corrections = session.current_feedback.corrections
        for step in session.trace() if corrections else ():
            entry = corrections.get(step.n)
            if entry is None or not isinstance(step, ChatStep) or step.response is None:
                continue
            chosen = _answer(entry.correction)
            if chosen is not None and chosen.get("content") != step.response.get("content"):
                raw = {
                    "prompt": step.messages,
                    "chosen": [chosen],
                    "rejected": [{**step.response, "role": "assistant"}],
                    "tools": step.tools or None,
                }
                yield session, as_pair(raw, _where(session, step), **reading)


def judged_answers(
    workspace: Workspace,
    selection: Selection,
    leave_out: Callable[[LeftOut], None],
    **reading: Any,
) -> Iterator[tuple[RecordedSession, Example]]:
    """A judgement for each captured answer with a score of its own, by the median of its raters."""
    for session in choose(workspace, selection, leave_out):
        scores = _scores(session.feedback())
        for step in session.trace() if scores else ():
            score = scores.get(step.n)
            if score is None or not isinstance(step, ChatStep) or step.response is None:
                continue
            if THUMB_DOWN < score < THUMB_UP:
                continue
            raw = {
                "prompt": step.messages,
                "completion": [{**step.response, "role": "assistant"}],
                "label": score >= THUMB_UP,
                "tools": step.tools or None,
            }
            yield session, as_pair(raw, _where(session, step), **reading)


def _scores(entries: Sequence[FeedbackEntry]) -> dict[int, float]:
    by_step: dict[int, dict[str, float]] = {}
    for entry in standing(entries):
        if entry.step is not None and entry.score is not None:
            by_step.setdefault(entry.step, {})[entry.author] = entry.score
    return {n: statistics.median(scores.values()) for n, scores in by_step.items()}


def _answer(correction: Any) -> dict[str, Any] | None:
    if isinstance(correction, str) and correction:
        return {"role": "assistant", "content": correction}
    if isinstance(correction, dict) and ("content" in correction or "tool_calls" in correction):
        return {**correction, "role": "assistant"}
    return None


def _where(session: RecordedSession, step: ChatStep) -> str:
    return f"step {step.n} of session {session.path.name}"
