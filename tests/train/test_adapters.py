"""An adapter sits on the layers that the settings name, in every architecture."""

from __future__ import annotations

import re
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from understudy.errors import TrainingError  # noqa: E402
from understudy.train.adapters import lora_config  # noqa: E402
from understudy.train.settings import SftSettings  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
    pytest.mark.filterwarnings("ignore:fan_in_fan_out is set to False:UserWarning"),
]


def made(kind: str) -> Any:
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    small: dict[str, Any] = {"vocab_size": 64, "hidden_size": 32, "num_attention_heads": 2}
    config: Any = (
        GPT2Config(vocab_size=64, n_embd=32, n_head=2, n_layer=3)
        if kind == "gpt2"
        else LlamaConfig(**small, num_hidden_layers=3, intermediate_size=32)
    )
    return AutoModelForCausalLM.from_config(config)


def adapted(kind: str, **settings: Any) -> dict[str, set[int]]:
    """Of which layers each kind of weights is trained."""
    from peft import get_peft_model

    model = made(kind)
    trained: dict[str, set[int]] = {}
    for name, weights in get_peft_model(
        model, lora_config(SftSettings(**settings), model)
    ).named_parameters():
        if weights.requires_grad and "lora_A" in name:
            found = re.search(r"\.(\d+)\.(.*)\.lora_A", name)
            assert found, name
            trained.setdefault(found[2].rpartition(".")[2], set()).add(int(found[1]))
    return trained


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_every_linear_layer_has_one_unless_the_settings_say_otherwise(kind: str) -> None:
    everywhere = adapted(kind)
    assert len(everywhere) >= 3
    assert all(layers == {0, 1, 2} for layers in everywhere.values())
    upper = adapted(kind, lora_layers=2)
    assert upper == {name: {1, 2} for name in everywhere}
    assert adapted(kind, lora_layers=3) == everywhere


def test_named_layers_can_be_those_above_alone() -> None:
    found = adapted("llama", lora_targets="q_proj, v_proj", lora_layers=1)
    assert found == {"q_proj": {2}, "v_proj": {2}}


def test_more_layers_than_there_are_are_refused() -> None:
    with pytest.raises(TrainingError, match="has 3 layers, and lora_layers asks for 4"):
        adapted("llama", lora_layers=4)


def test_a_model_that_sees_has_layers_that_are_counted_apart() -> None:
    model = made("llama")
    model.config.vision_config = {}
    with pytest.raises(TrainingError, match="for models that read text alone"):
        lora_config(SftSettings(lora_layers=1), model)
    assert lora_config(SftSettings(weights="full", lora_layers=1), model) is None
