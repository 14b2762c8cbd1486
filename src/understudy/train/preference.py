"""Learning from preferences with TRL: from pairs by DPO, from single judgements by KTO.

The model goes on from what it is, and what it is stays the yardstick: it moves towards the better
answers only as far as ``beta`` lets it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from understudy.chat.tools.registry import ToolRegistry
from understudy.errors import TrainingError
from understudy.models.bases import folder_sha256
from understudy.store.hashes import sha256_bytes
from understudy.train.adapters import lora_config
from understudy.train.checks import check_calls, check_form
from understudy.train.examples import Example, content_hash, where_of
from understudy.train.loading import (
    load_model,
    load_tokenizer,
    numbers_for,
    quiet,
    tokenizer_folder,
)
from understudy.train.running import TrainFacts, Training, check_settings, setting_up
from understudy.train.settings import PreferenceSettings
from understudy.train.templates import PLAIN, ChatText
from understudy.train.watching import Progress, Watch

_COLUMNS = {
    "dpo": ("prompt", "chosen", "rejected"),
    "kto": ("prompt", "completion", "label"),
}


def loss_for(examples: Sequence[Example], settings: PreferenceSettings) -> str:
    """``dpo`` or ``kto``. Raises TrainingError when the examples are not what that needs."""
    pairs = sum("chosen" in example for example in examples)
    wanted = settings.loss
    if wanted == "auto":
        wanted = "dpo" if pairs else "kto"
    if wanted == "dpo" and not pairs:
        raise TrainingError(
            "dpo learns from pairs and there are only single judgements; set loss to kto"
        )
    if wanted == "kto" and settings.batch_size < 2:
        raise TrainingError(
            "kto compares the answers of a batch with each other; set batch_size to 2 or more"
        )
    return wanted


def train_preference(
    examples: Sequence[Example],
    validation: Sequence[Example],
    *,
    base: Path | str,
    settings: PreferenceSettings,
    out: Path,
    adapter: Path | None = None,
    registry: ToolRegistry | None = None,
    budget_s: float | None = None,
    progress: Progress | None = None,
    resume: bool = False,
) -> TrainFacts:
    """Train on pairs or judgements (see `pairs`) and leave the weights in ``out``.

    With ``adapter`` the model of a version goes on; without, a new adapter begins. By KTO a pair
    counts as two judgements; by DPO single judgements are passed over. Raises TrainingError for a
    fault, before anything is trained.
    """
    base = Path(base)
    check_settings(settings, adapter)
    loss = loss_for(examples, settings)
    source = tokenizer_folder(base, adapter)
    tokenizer = load_tokenizer(source)
    chat = ChatText(tokenizer)
    usable = _usable(examples, loss)
    held = _usable(validation[: settings.validation_most], loss)
    longest = max(
        _check(example, where_of(example, number), chat, settings, registry)
        for number, example in enumerate([*usable, *held], start=1)
    )
    numbers = numbers_for(settings)
    model = load_model(base, settings, numbers, adapter)
    run = Training(
        out=out,
        base=base,
        settings=settings,
        numbers=numbers,
        fingerprint=_fingerprint(base, adapter, settings, [*usable, *held]),
        watch=Watch(
            out=out,
            progress=progress,
            budget_s=budget_s,
            checkpoint_s=settings.checkpoint_seconds,
        ),
    )
    # KTO takes the rows in their order, and compares those of a batch.
    random.Random(settings.seed).shuffle(usable)
    with quiet():
        trainer = _trainer(
            run,
            loss,
            model,
            tokenizer,
            _dataset(usable, loss),
            _dataset(held, loss) if held else None,
            peft=None if adapter is not None else lora_config(settings, model),
        )
    facts = run.train(trainer, source, resume=resume, template=PLAIN if chat.plain else None)
    counted = {"loss_kind": loss, "pairs" if loss == "dpo" else "judgements": len(usable)}
    return msgspec.structs.replace(
        facts, template=chat.method, checks={**counted, "longest": longest}
    )


def _trainer(
    run: Training, loss: str, model: Any, tokenizer: Any, train: Any, held: Any, *, peft: Any
) -> Any:
    from transformers import PrinterCallback
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    settings = run.settings
    validates = held is not None
    kind: Any = DPOTrainer if loss == "dpo" else KTOTrainer
    config: Any = DPOConfig if loss == "dpo" else KTOConfig
    arguments = run.arguments(validates=validates)
    with setting_up():
        trainer = kind(
            model=model,
            args=config(**arguments, beta=getattr(settings, "beta", 0.1)),
            train_dataset=train,
            eval_dataset=held,
            processing_class=tokenizer,
            peft_config=peft,
            callbacks=run.callbacks(validates=validates),
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _usable(examples: Sequence[Example], loss: str) -> list[Example]:
    if loss == "dpo":
        return [example for example in examples if "chosen" in example]
    judged: list[Example] = []
    for example in examples:
        if "completion" in example:
            judged.append(example)
            continue
        for key, label in (("chosen", True), ("rejected", False)):
            told: Example = {n: example[n] for n in ("prompt", "tools") if n in example}
            where = f"the {key} answer of {example.get('where', 'a pair')}"
            judged.append({**told, "completion": example[key], "label": label, "where": where})
    return judged


def _check(
    example: Example,
    where: str,
    chat: ChatText,
    settings: PreferenceSettings,
    registry: ToolRegistry | None,
) -> int:
    """The most tokens of the example. Raises TrainingError."""
    longest = 0
    for key in ("chosen", "rejected", "completion"):
        if key not in example:
            continue
        messages = [*example["prompt"], *example[key]]
        whole = {"messages": messages, "tools": example.get("tools")}
        check_form(whole, f"the {key} answer of {where}")
        if any(message.get("tool_calls") for message in messages):
            raise TrainingError(
                f"{where} has calls of tools as JSON, which preferences cannot be learned from "
                "yet; write them with calls=brackets"
            )
        # A worse answer may well be one whose calls are wrong.
        if key == "chosen" or example.get("label"):
            check_calls({"messages": example[key]}, f"the {key} answer of {where}", registry)
        tokens = len(chat.encode(messages).tokens)
        if tokens > settings.max_seq_length:
            raise TrainingError(
                f"{where} has {tokens:,} tokens and at most {settings.max_seq_length:,} are "
                "trained on; raise max_seq_length, or remove it"
            )
        longest = max(longest, tokens)
    return longest


def _dataset(examples: Sequence[Example], loss: str) -> Any:
    from datasets import Dataset

    def plain(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [{"role": one["role"], "content": one["content"]} for one in value]

    columns = {name: [plain(example[name]) for example in examples] for name in _COLUMNS[loss]}
    if any(example.get("tools") for example in examples):
        columns["tools"] = [json.dumps(example.get("tools") or []) for example in examples]
    return Dataset.from_dict(columns)


def _fingerprint(
    base: Path, adapter: Path | None, settings: PreferenceSettings, examples: Sequence[Example]
) -> str:
    told = {
        "base": folder_sha256(base),
        "adapter": "" if adapter is None else folder_sha256(adapter),
        "settings": settings.model_dump(),
        "examples": [content_hash(example) for example in examples],
    }
    return sha256_bytes(msgspec.json.encode(told))
