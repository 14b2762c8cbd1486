"""Which weights of a base get an adapter."""

from __future__ import annotations

from typing import Any

from understudy.errors import TrainingError
from understudy.train.settings import TrainSettings

_ALL = "all-linear"


def lora_config(settings: TrainSettings, model: Any) -> Any:
    """The adapter of ``model`` that is to be trained; None where all weights are.

    Raises TrainingError where the model has not the layers that the settings ask for.
    """
    if settings.weights == "full":
        return None
    from peft import LoraConfig

    targets = settings.lora_targets
    names = [name.strip() for name in targets.split(",") if name.strip()]
    upper = _upper_layers(model, settings.lora_layers) if settings.lora_layers else None
    if targets == _ALL and upper is not None:
        names = _linear_names(model)
    return LoraConfig(
        r=settings.lora_r,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=_ALL if targets == _ALL and upper is None else names,
        layers_to_transform=upper,
        task_type="CAUSAL_LM",
    )


def _upper_layers(model: Any, count: int) -> list[int]:
    """The numbers of the last ``count`` layers, in order."""
    if hasattr(model.config, "vision_config"):
        raise TrainingError(
            "lora_layers is for models that read text alone, since layers that see are counted "
            "apart; leave it out"
        )
    layers = int(model.config.num_hidden_layers)
    if count > layers:
        raise TrainingError(
            f"the base has {layers} layers, and lora_layers asks for {count}; lower it, or leave "
            "it out for all of them"
        )
    return list(range(layers - count, layers))


def _linear_names(model: Any) -> list[str]:
    """What PEFT means by all-linear, by name: it takes no layers to that word."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear | Conv1D) and module is not head
        }
    )
