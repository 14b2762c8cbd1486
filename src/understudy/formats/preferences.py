"""What preferences are learned from: two answers of which one is better, or one that was judged.

Formats of preferences are made from these.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.errors import FormatError
from understudy.formats.dataset_rows import ChatRow
from understudy.formats.openai_rules import validate_example
from understudy.formats.tool_spelling import KEPT, Spelling

THUMB_UP, THUMB_DOWN = 6.0, 4.0
"""A score of one answer counts as a thumb up from here, and as a thumb down to there."""


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """A question, a better answer to it and a worse one, in the shape of OpenAI's format."""

    prompt: list[dict[str, Any]]
    chosen: dict[str, Any]
    """An assistant message, as ``rejected`` is."""
    rejected: dict[str, Any]
    tools: list[dict[str, Any]] | None = None
    parallel_tool_calls: bool | None = None


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A question, an answer to it, and whether that is a good one."""

    prompt: list[dict[str, Any]]
    completion: dict[str, Any]
    """An assistant message."""
    label: bool
    tools: list[dict[str, Any]] | None = None


def preference_of(row: ChatRow, spelling: Spelling = KEPT) -> Preference:
    """The correction before what was said. FormatError for a row that nobody corrected."""
    if row.rejected is None:
        raise FormatError("nobody corrected it, so there is no worse answer")
    better, worse = _both(row, row.rejected, spelling)
    return Preference(
        prompt=better["messages"][:-1],
        chosen=better["messages"][-1],
        rejected=worse["messages"][-1],
        tools=better.get("tools"),
        parallel_tool_calls=better.get("parallel_tool_calls"),
    )


def judgements_of(row: ChatRow, spelling: Spelling = KEPT) -> list[Judgement]:
    """What people said of the answers of a row.

    A correction is good and what stood there before is not, unless it has a thumb up itself; an
    answer that was not corrected has its own score. FormatError where nobody said anything.
    """
    answer, label = row.example["messages"][-1], thumb(row.answer_score)
    judged = [(answer, True)] if row.corrected else []
    if row.rejected is not None and label is not True:
        judged.append((row.rejected, False))
    if not row.corrected and label is not None:
        judged.append((answer, label))
    if not judged:
        raise FormatError("nobody corrected it or gave it a thumb up or down")
    spelled = _both(row, row.rejected or answer, spelling)
    return [
        Judgement(
            prompt=spelled[0]["messages"][:-1],
            completion=spelled[0 if said is answer else 1]["messages"][-1],
            label=good,
            tools=spelled[0].get("tools"),
        )
        for said, good in judged
    ]


def is_judged(row: ChatRow) -> bool:
    """Whether there is anything to learn from what people said of the row."""
    return row.corrected or thumb(row.answer_score) is not None


def thumb(score: float | None) -> bool | None:
    """A score as a thumb; None between the two, and where there is none."""
    if score is None or THUMB_DOWN < score < THUMB_UP:
        return None
    return score >= THUMB_UP


def validate_preference(example: Preference, *, bare_results: bool = False) -> list[str]:
    """The reasons why it cannot be learned from; empty when it can."""
    reasons = [
        f"the {name} answer: {reason}"
        for name, answer in (("better", example.chosen), ("worse", example.rejected))
        for reason in _reasons(example, answer, bare_results=bare_results)
    ]
    if not reasons and example.chosen == example.rejected:
        reasons.append("both answers are the same")
    return reasons


def validate_judgement(example: Judgement, *, bare_results: bool = False) -> list[str]:
    """The reasons why it cannot be learned from; empty when it can."""
    return _reasons(example, example.completion, bare_results=bare_results)


def _reasons(
    example: Preference | Judgement, answer: dict[str, Any], *, bare_results: bool
) -> list[str]:
    whole: dict[str, Any] = {"messages": [*example.prompt, answer]}
    if example.tools is not None:
        whole["tools"] = example.tools
    if isinstance(example, Preference) and example.parallel_tool_calls is not None:
        whole["parallel_tool_calls"] = example.parallel_tool_calls
    return validate_example(whole, bare_results=bare_results)


def _both(
    row: ChatRow, other: dict[str, Any], spelling: Spelling
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The chat with its answer and with the other one, both in one spelling."""
    first = row.example
    second = {**first, "messages": [*first["messages"][:-1], other]}
    return spelling.of(first, like=(second,)), spelling.of(second, like=(first,))
