"""What preferences are learned from: an answer with a better one, or with a thumb up or down.

A pair is a dictionary with ``prompt`` (messages), ``chosen`` and ``rejected`` (one answer each); a
single judgement has ``completion`` and ``label`` instead. ``where`` names it for people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from understudy.chat.tools.registry import ToolRegistry
from understudy.errors import TrainingError
from understudy.formats.dataset_rows import ChatRow
from understudy.formats.preferences import is_judged, judgements_of, preference_of
from understudy.train.examples import Example, as_example


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


def pairs_of_row(row: ChatRow, where: str, **reading: Any) -> list[Example]:
    """What people said of a captured answer: a correction as a pair, else a thumb.

    Empty where nobody said anything.
    """
    if row.rejected is not None:
        pair = preference_of(row)
        raw = {
            "prompt": pair.prompt,
            "chosen": [pair.chosen],
            "rejected": [pair.rejected],
            "tools": pair.tools,
        }
        return [as_pair(raw, where, **reading)]
    if not is_judged(row):
        return []
    return [
        as_pair(
            {
                "prompt": said.prompt,
                "completion": [said.completion],
                "label": said.label,
                "tools": said.tools,
            },
            where,
            **reading,
        )
        for said in judgements_of(row)
    ]
