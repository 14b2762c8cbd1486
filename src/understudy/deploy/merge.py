"""An adapter becomes part of its base: one folder in 16-bit numbers, from which all else is made.

PEFT does the merging. Here the tokenizer is carried over byte for byte (saving it again would drop
``tokenizer.model`` and settings that the converter needs), and the merged model is compared with
the base and its adapter before anybody builds on it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.errors import DeployError
from understudy.players.backends.chat_model import Messages
from understudy.players.backends.transformers_model import (
    load_tokenizer,
    load_weights,
    prompt_tokens,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
)
LEAST_SAME_WORD = 0.98
"""Of the places at which merged and adapter must prefer the same token. Near-ties may fall apart in
16-bit numbers; a wrong merge prefers others nearly everywhere."""


class MergeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How far the merged model is from the base with its adapter."""

    places: int
    """At which the two were compared: every token of every prompt."""
    same_word: float
    """The share of them at which both prefer the same token."""
    mean_difference: float
    """Of the logits, absolutely."""
    largest_difference: float


def merge(
    base: Path | str, adapter: Path | None, out: Path, *, prompts: Sequence[Messages]
) -> MergeCheck:
    """Write base and adapter, or a base alone, to ``out`` as one model in 16-bit numbers.

    Raises DeployError when the merged model does not say what the two say on ``prompts``, and
    PlayerError when base or adapter cannot be loaded.
    """
    model: Any = load_weights(base, adapter, "float32")
    tokenizer = load_tokenizer(base, adapter)
    rows = [prompt_tokens(tokenizer, messages) for messages in prompts]
    before = [_logits(model, row) for row in rows]
    if adapter is not None:
        model = model.merge_and_unload(safe_merge=True)
    out.mkdir(parents=True, exist_ok=True)
    model.to(_sixteen_bit(base)).save_pretrained(out)
    carry_tokenizer(base, adapter, out)
    merged = load_weights(out, None, "float32")
    check = _compare(before, [_logits(merged, row) for row in rows])
    if check.same_word < LEAST_SAME_WORD:
        raise DeployError(
            f"the merged model in {out} prefers another token than the adapter at "
            f"{1 - check.same_word:.1%} of {check.places} places; check that {adapter} was trained "
            f"on {base}"
        )
    return check


def _logits(model: PreTrainedModel, row: list[int]) -> Any:
    import torch

    with torch.inference_mode():
        return model(torch.tensor([row], device=model.device)).logits[0].float().cpu()


def _compare(before: list[Any], after: list[Any]) -> MergeCheck:
    import torch

    if not before:
        return MergeCheck(places=0, same_word=1.0, mean_difference=0.0, largest_difference=0.0)
    one, other = torch.cat(before), torch.cat(after)
    apart = (one - other).abs()
    return MergeCheck(
        places=len(one),
        same_word=(one.argmax(-1) == other.argmax(-1)).double().mean().item(),
        mean_difference=apart.mean().item(),
        largest_difference=apart.max().item(),
    )


def _sixteen_bit(base: Path | str) -> Any:
    """The base's own 16-bit numbers; of a base in 32 bit those that keep more digits."""
    import torch
    from transformers import AutoConfig

    own = AutoConfig.from_pretrained(str(base)).dtype
    return own if own in (torch.bfloat16, torch.float16) else torch.float16


def carry_tokenizer(base: Path | str, adapter: Path | None, out: Path) -> None:
    """Put the tokenizer's files beside the weights, the adapter's where it has its own."""
    places = [Path(base)] if Path(base).is_dir() else []
    if not places:
        load_tokenizer(base).save_pretrained(out)
    if adapter is not None and (adapter / "tokenizer_config.json").is_file():
        places.append(adapter)
    for place in places:
        for name in TOKENIZER_FILES:
            if (place / name).is_file():
                shutil.copyfile(place / name, out / name)
