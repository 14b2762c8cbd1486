"""The attention for short rows on a CPU sees and learns what the usual one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from understudy.train.attention import short_row_attention  # noqa: E402

pytestmark = pytest.mark.slow  # transformers is loaded


def model_of(base: Path, attention: str | None) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        base, dtype=torch.float32, attn_implementation=attention
    )


@pytest.fixture
def batch() -> dict[str, Any]:
    """Two rows, of which the second is shorter and one begins with padding."""
    ids = torch.randint(8, 64, (3, 24), generator=torch.Generator())
    attended = torch.ones_like(ids)
    attended[1, 12:] = 0
    attended[2, :5] = 0
    labels = ids.masked_fill(attended == 0, -100)
    return {"input_ids": ids, "labels": labels, "attention_mask": attended}


def learned(model: Any, batch: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    out = model(**batch)
    out.loss.backward()
    return out, {name: one.grad for name, one in model.named_parameters()}


def test_it_says_and_learns_what_the_usual_attention_does(
    tiny_base: Path, batch: dict[str, Any]
) -> None:
    usual, usual_grads = learned(model_of(tiny_base, "eager"), batch)
    ours, grads = learned(model_of(tiny_base, short_row_attention("llama")), batch)
    seen = batch["attention_mask"] == 1
    torch.testing.assert_close(ours.logits[seen], usual.logits[seen], rtol=1e-4, atol=1e-5)
    for name, gradient in grads.items():
        torch.testing.assert_close(gradient, usual_grads[name], rtol=1e-3, atol=1e-6)


def test_in_narrow_numbers_it_is_as_close_as_the_usual_one(
    tiny_base: Path, batch: dict[str, Any]
) -> None:
    exact = model_of(tiny_base, "eager")(**batch).loss.item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        usual = model_of(tiny_base, "eager")(**batch).loss.item()
        ours, grads = learned(model_of(tiny_base, short_row_attention("llama")), batch)
    assert abs(ours.loss.item() - exact) <= abs(usual - exact) + 0.01
    assert all(torch.isfinite(gradient).all() for gradient in grads.values())


def test_keys_that_several_heads_share_are_seen_by_each() -> None:
    from transformers import AutoModelForCausalLM, Qwen3Config

    config = Qwen3Config(
        vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1, head_dim=8,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    ids = torch.arange(12)[None]
    said = []
    for attention in ("eager", short_row_attention("qwen3")):
        torch.manual_seed(1)
        model: Any = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
        said.append(model.eval()(ids).logits)
    torch.testing.assert_close(said[1], said[0], rtol=1e-4, atol=1e-5)


def test_an_architecture_that_attends_in_its_own_way_keeps_it() -> None:
    assert short_row_attention("gemma2") is None
    assert short_row_attention("gpt2") is None


def test_rows_with_too_many_scores_are_left_to_the_fused_attention(
    tiny_base: Path, batch: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What padding says of the first word is nobody's business, and another here.
    batch["labels"][2, 5] = -100
    model = model_of(tiny_base, short_row_attention("llama"))
    plain, plain_grads = learned(model, batch)
    model.zero_grad()
    monkeypatch.setattr("understudy.train.attention._MOST_SCORES", 100)
    monkeypatch.setattr(torch, "softmax", None)
    fused, grads = learned(model, batch)
    seen = batch["attention_mask"] == 1
    torch.testing.assert_close(fused.logits[seen], plain.logits[seen], rtol=1e-4, atol=1e-5)
    for name, gradient in grads.items():
        torch.testing.assert_close(gradient, plain_grads[name], rtol=1e-3, atol=1e-6)
