"""A folded adapter computes what PEFT computes beside the weights, and learns the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from understudy.train.folded import fold_adapters  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]


@pytest.fixture
def bare(tiny_base: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)


def with_adapter(model: Any, **options: Any) -> Any:
    """An adapter that has learned something: a new one adds nothing."""
    from peft import LoraConfig, get_peft_model

    settings = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    adapted = get_peft_model(model, LoraConfig(**{**settings, **options}))
    chance = torch.Generator().manual_seed(1)
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            weights.data = 0.1 * torch.randn(weights.shape, generator=chance)
    return adapted


def asked(model: Any) -> Any:
    ids = torch.randint(8, model.config.vocab_size, (2, 12), generator=torch.Generator())
    return model(input_ids=ids, labels=ids)


def learned(model: Any) -> dict[str, Any]:
    model.zero_grad()
    asked(model).loss.backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}


def test_what_it_says_and_what_it_learns_are_those_of_peft(bare: Any) -> None:
    model = with_adapter(bare)
    before, learned_before = asked(model).logits, learned(model)
    assert fold_adapters(model) == 7 * bare.config.num_hidden_layers
    torch.testing.assert_close(asked(model).logits, before, rtol=1e-4, atol=1e-5)
    learned_after = learned(model)
    assert learned_after.keys() == learned_before.keys()
    for name, gradient in learned_after.items():
        torch.testing.assert_close(gradient, learned_before[name], rtol=1e-3, atol=1e-6)


def test_in_half_the_bits_it_is_as_near_to_the_whole_as_peft_is(bare: Any) -> None:
    model = with_adapter(bare)
    exact = asked(model).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        usual = (asked(model).logits - exact).abs().mean()
        fold_adapters(model)
        folded = (asked(model).logits - exact).abs().mean()
    assert 0 < folded < 1.5 * usual


def test_an_adapter_that_is_switched_off_adds_nothing(bare: Any) -> None:
    plain = asked(bare).logits
    model = with_adapter(bare)
    fold_adapters(model)
    with model.disable_adapter():
        torch.testing.assert_close(asked(model).logits, plain)
    assert not torch.allclose(asked(model).logits, plain)


def test_one_of_two_adapters_is_the_one_that_is_active(bare: Any) -> None:
    """As when preferences are learned: the reference is an adapter of its own."""
    model = with_adapter(bare)
    first = asked(model).logits
    model.add_adapter("ref", model.peft_config["default"])
    fold_adapters(model)
    model.set_adapter("ref")
    assert not torch.allclose(asked(model).logits, first)
    model.set_adapter("default")
    torch.testing.assert_close(asked(model).logits, first, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("more", [{"lora_dropout": 0.5}, {"use_dora": True}], ids=str)
def test_an_adapter_with_more_to_it_stays_with_peft(bare: Any, more: dict[str, Any]) -> None:
    model = with_adapter(bare, **more).eval()
    before = asked(model).logits
    fold_adapters(model)
    torch.testing.assert_close(asked(model).logits, before, rtol=0, atol=0)


def test_weights_of_another_shape_stay_with_peft() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    small = GPT2Config(
        n_layer=1,
        n_head=2,
        n_embd=16,
        vocab_size=64,
        n_positions=32,
        bos_token_id=1,
        eos_token_id=2,
    )
    turned = {"target_modules": ["c_attn"], "fan_in_fan_out": True}
    model = with_adapter(GPT2LMHeadModel(small), **turned)
    assert fold_adapters(model) == 0
