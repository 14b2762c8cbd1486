"""Supervised fine-tuning with TRL: the model learns to say what the assistant says in examples.

Only the assistant's words count. What is trained on are the very tokens that were checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from understudy.chat.tools.registry import ToolRegistry
from understudy.errors import TrainingError
from understudy.models.bases import folder_sha256
from understudy.store.hashes import sha256_bytes
from understudy.train.adapters import lora_config
from understudy.train.bundles import bundle_dataset, together
from understudy.train.checks import Checked, check_examples
from understudy.train.examples import Example
from understudy.train.loading import (
    load_config,
    load_model,
    load_tokenizer,
    numbers_for,
    quiet,
    sees,
    tokenizer_folder,
)
from understudy.train.running import TrainFacts, Training, check_settings, setting_up
from understudy.train.scored import goes_on, loss_where_scored, takes_places
from understudy.train.settings import SftSettings
from understudy.train.templates import PLAIN, ChatText
from understudy.train.watching import Progress, Watch

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def train_sft(
    examples: Sequence[Example],
    validation: Sequence[Example],
    *,
    base: Path | str,
    settings: SftSettings,
    out: Path,
    adapter: Path | None = None,
    registry: ToolRegistry | None = None,
    budget_s: float | None = None,
    progress: Progress | None = None,
    resume: bool = False,
) -> TrainFacts:
    """Train on ``examples`` and leave the weights in ``out``, as ``adapter/`` or ``merged/``.

    ``base`` is a folder; ``adapter`` one of PEFT to go on from. ``registry`` is what calls in
    brackets have to fit. ``resume`` goes on from the last checkpoint in ``out``. Raises
    TrainingError for a fault in the data, the settings or the base, before anything is trained.
    """
    base = Path(base)
    check_settings(settings, adapter)
    if examples and any(example.get("images") for example in examples):
        from understudy.train.vision import train_on_pictures

        return train_on_pictures(
            examples, validation, base=base, settings=settings, out=out, adapter=adapter,
            budget_s=budget_s, progress=progress, resume=resume,
        )  # fmt: skip
    source = tokenizer_folder(base, adapter)
    tokenizer = load_tokenizer(source)
    chat = ChatText(tokenizer)
    rows = _checked(examples, chat, settings, registry, base)
    held = _checked(validation[: settings.validation_most], chat, settings, registry, base)
    if not rows.rows:
        raise TrainingError(
            f"all {len(examples):,} examples are longer than {settings.max_seq_length:,} tokens; "
            "raise max_seq_length"
        )
    longest = max(rows.longest, held.longest)
    if longest > _positions(base):
        raise TrainingError(
            f"an example has {longest:,} tokens and the base reads {_positions(base):,}; lower "
            "max_seq_length and leave longer ones out with too_long=drop, or take another base"
        )
    numbers = numbers_for(settings)
    bundled = settings.packing and numbers.device == "cpu"
    model = load_model(base, settings, numbers, adapter)
    options: dict[str, Any] = {"packing": settings.packing, "eval_packing": False}
    if bundled:
        learned = bundle_dataset(rows.rows, settings.batch_size * settings.max_seq_length)
        options = {
            "per_device_train_batch_size": 1,
            "dataset_kwargs": {"skip_prepare_dataset": True},
        }
    elif settings.group_by_length and not settings.packing:
        learned = _dataset(rows, _by_length([len(row.input_ids) for row in rows.rows], settings))
        options |= {"train_sampling_strategy": "sequential", "num_train_epochs": 1}
    else:
        learned = _dataset(rows)
    run = Training(
        out=out,
        base=base,
        settings=settings,
        numbers=numbers,
        fingerprint=_fingerprint(base, adapter, settings, rows, held),
        watch=Watch(
            out=out,
            progress=progress,
            budget_s=budget_s,
            checkpoint_s=settings.checkpoint_seconds,
        ),
    )
    with quiet():
        trainer = sft_trainer(
            run,
            model,
            tokenizer,
            learned,
            _dataset(held) if held.rows else None,
            peft=None if adapter is not None else lora_config(settings, model),
            options=options,
            collator=together(tokenizer.pad_token_id or 0) if bundled else None,
        )
    facts = run.train(trainer, source, resume=resume, template=PLAIN if chat.plain else None)
    return msgspec.structs.replace(facts, template=chat.method, checks=rows.facts())


def _dataset(checked: Checked, order: Sequence[int] | None = None) -> Any:
    from datasets import Dataset

    rows = Dataset.from_dict(
        {
            "input_ids": [row.input_ids for row in checked.rows],
            "labels": [row.labels for row in checked.rows],
        }
    )
    return rows if order is None else rows.select(order)


def _by_length(lengths: list[int], settings: SftSettings) -> list[int]:
    """The rows of the whole training in their order, each epoch grouped anew.

    Decided beforehand, so that a resumed training meets the same rows.
    """
    import torch
    from transformers.trainer_pt_utils import get_length_grouped_indices

    step = settings.batch_size * settings.gradient_accumulation
    wanted = math.ceil(settings.epochs * len(lengths)) if settings.epochs else 0
    wanted = wanted or settings.max_steps * step
    order: list[int] = []
    while len(order) < wanted:
        chance = torch.Generator().manual_seed(settings.seed + len(order))
        order += get_length_grouped_indices(lengths, settings.batch_size, generator=chance)
    return order[:wanted]


def sft_trainer(
    run: Training,
    model: PreTrainedModel,
    tokenizer: Any,
    train: Any,
    held: Any,
    *,
    peft: Any,
    options: dict[str, Any],
    collator: Any = None,
) -> Any:
    """TRL's trainer for ``run``; ``train`` and ``held`` are datasets as it takes them.

    ``collator`` makes the batches where TRL's own does not.
    """
    from transformers import PrinterCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    class Trainer(SFTTrainer):
        """Without the card that TRL writes into every checkpoint."""

        def create_model_card(self, *args: Any, **kwargs: Any) -> None:
            return None

    class ScoringTrainer(Trainer):
        """Takes TRL's loss only where it is the quicker one."""

        def compute_loss(
            self,
            model: Any,
            inputs: Any,
            return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:
            if return_outputs or self.aux_loss_enabled:
                usual: Any = super().compute_loss
                return usual(model, inputs, return_outputs, num_items_in_batch)
            if model.training:
                self._total_train_tokens += _tokens_of(inputs)
            return loss_where_scored(model, inputs, num_items_in_batch, share=shares)

    scores = run.numbers.device == "cpu" and takes_places(model) and not sees(run.base)
    # Activations that are computed twice leave no beginning to go on from.
    shares = scores and not run.settings.gradient_checkpointing and goes_on(model)
    validates = held is not None
    with setting_up():
        trainer = (ScoringTrainer if scores else Trainer)(
            model=model,
            args=SFTConfig(**{**run.arguments(validates=validates), **options}),
            train_dataset=train,
            eval_dataset=held,
            processing_class=tokenizer,
            data_collator=collator,
            peft_config=peft,
            callbacks=run.callbacks(validates=validates),
        )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _tokens_of(inputs: dict[str, Any]) -> int:
    if "attention_mask" in inputs:
        return int(inputs["attention_mask"].sum())
    return int(inputs["input_ids"].numel())


def _checked(
    examples: Sequence[Example],
    chat: ChatText,
    settings: SftSettings,
    registry: ToolRegistry | None,
    base: Path,
) -> Checked:
    with quiet():
        return check_examples(
            examples,
            chat,
            registry=registry,
            max_length=settings.max_seq_length,
            drop_too_long=settings.too_long == "drop",
            stop_tokens=_generation_stops(base),
        )


def _generation_stops(base: Path) -> list[int]:

    path = base / "generation_config.json"
    try:
        stops = json.loads(path.read_text("utf-8")).get("eos_token_id")
    except (OSError, ValueError, AttributeError):
        return []
    return [stops] if isinstance(stops, int) else list(stops or ())


def _positions(base: Path) -> int:
    config = load_config(base)
    config = config.get("text_config") or config
    found = config.get("max_position_embeddings") or config.get("n_positions")
    return int(found or 2**31)


def _fingerprint(
    base: Path, adapter: Path | None, settings: SftSettings, rows: Checked, held: Checked
) -> str:
    told = {
        "base": folder_sha256(base),
        "adapter": "" if adapter is None else folder_sha256(adapter),
        "settings": settings.model_dump(),
        "rows": [[row.input_ids, row.labels] for row in (*rows.rows, *held.rows)],
    }
    return sha256_bytes(msgspec.json.encode(told))
