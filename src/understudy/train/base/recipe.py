"""The fine-tuning that turns the base model into a Dungeon Master, as settings and as one function.

The settings are what the recipe of the embedded model uses; they override the defaults, which are
for models from a hub, because a model this small learns nothing at their rates.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.chat.scenarios.generating import scenarios
from understudy.train.base.memory import keep_freed_memory
from understudy.train.base.tokenizer import write_llama_cpp_settings
from understudy.train.loading import quiet


@dataclass(frozen=True)
class Recipe:
    """How the embedded base is fine-tuned on generated scenarios."""

    rank: int = 16
    alpha: int = 32
    learning_rate: float = 3e-3
    warm_up: int = 20
    steps: int = 600
    batch: int = 4
    exchanges: int = 6
    """At most so many exchanges in a scenario: several share the cost of one system prompt."""
    seed: int = 1


RECIPE = Recipe()


def tune(base: Path, folder: Path, recipe: Recipe = RECIPE) -> Path:
    """LoRA on all linear layers, loss on the Dungeon Master's turns; merged into ``folder``."""
    import torch
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from datasets import Dataset

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation="eager"
    )
    keep_freed_memory()
    count = recipe.steps * recipe.batch
    rows = [
        {"messages": scenarios.training(recipe.seed, number, recipe.exchanges).messages()}
        for number in range(count)
    ]
    with quiet():
        trainer: Any = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=str(folder / "checkpoints"),
                max_steps=recipe.steps,
                per_device_train_batch_size=recipe.batch,
                learning_rate=recipe.learning_rate,
                lr_scheduler_type="linear",
                warmup_steps=recipe.warm_up,
                bf16=True,
                use_cpu=not torch.cuda.is_available(),
                assistant_only_loss=True,
                max_length=2048,
                logging_steps=20,
                save_strategy="no",
                train_sampling_strategy="group_by_length",
                report_to=[],
                disable_tqdm=True,
                dataloader_pin_memory=False,
                seed=recipe.seed,
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=LoraConfig(
                r=recipe.rank,
                lora_alpha=recipe.alpha,
                target_modules="all-linear",
                task_type="CAUSAL_LM",
            ),
        )
        trainer.train()
    trainer.model.merge_and_unload().half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_llama_cpp_settings(folder)
    shutil.copyfile(base / "tokenizer.model", folder / "tokenizer.model")
    return folder
