"""How often a model makes exactly the calls that are due: greedy, in transformers, a set at a time.

A small measuring rod for making the base model and its recipe; what users validate with is richer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from understudy.chat.scenarios.generating.scenarios import Case
from understudy.chat.tools.bracket import find_calls

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass
class Measured:
    """The cases of a set, those answered exactly, by kind, and the answers that were not."""

    asked: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    misses: list[tuple[Case, str]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.exact.total() / max(1, self.asked.total())

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {self.exact[kind]}/{self.asked[kind]}" for kind in self.asked)
        return f"{self.rate:.1%} ({kinds})"


def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    cases: Iterable[Case],
    *,
    batch: int = 50,
    most_tokens: int = 90,
) -> Measured:
    """The answers of ``model`` to every case, compared with the calls that are due."""
    found = Measured()
    waiting = list(cases)
    # Alike long prompts together: padding is wasted work.
    waiting.sort(key=lambda case: len(case.scenario.prompt()))
    for start in range(0, len(waiting), batch):
        some = waiting[start : start + batch]
        for case, answer in zip(some, _answers(model, tokenizer, some, most_tokens), strict=True):
            found.asked[case.kind] += 1
            if tuple(find_calls(answer)) == case.calls:
                found.exact[case.kind] += 1
            else:
                found.misses.append((case, answer))
    return found


def _answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    cases: Sequence[Case],
    most_tokens: int,
) -> list[str]:
    import torch

    prompts = [
        tokenizer.apply_chat_template(
            case.scenario.messages(), tokenize=False, add_generation_prompt=True
        )
        for case in cases
    ]
    tokenizer.padding_side = "left"
    inputs: Any = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
    generate: Any = model.generate
    with torch.inference_mode():
        made = generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            max_new_tokens=most_tokens,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    answers = made[:, inputs["input_ids"].shape[1] :]
    return [text.strip() for text in tokenizer.batch_decode(answers, skip_special_tokens=True)]
