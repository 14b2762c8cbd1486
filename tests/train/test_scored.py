"""The loss that is asked for where an answer counts is the loss of the whole row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from understudy.train.scored import (  # noqa: E402
    IGNORED,
    goes_on,
    loss_where_scored,
    takes_places,
)

pytestmark = pytest.mark.slow  # transformers is loaded


@pytest.fixture
def model(tiny_base: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)


@pytest.fixture
def batch(model: Any) -> dict[str, Any]:
    """Two rows that count in different places, the second one shorter."""
    ids = torch.randint(8, model.config.vocab_size, (2, 24), generator=torch.Generator())
    labels = ids.clone()
    labels[0, :10] = IGNORED
    labels[1, 4:] = IGNORED
    attended = torch.ones_like(ids)
    attended[1, 12:] = 0
    return {"input_ids": ids, "labels": labels, "attention_mask": attended}


def test_it_is_the_loss_that_the_model_gives_itself(model: Any, batch: dict[str, Any]) -> None:
    whole = model(**batch)
    assert loss_where_scored(model, batch).item() == pytest.approx(whole.loss.item(), rel=1e-5)


def test_its_gradients_are_those_of_the_whole(model: Any, batch: dict[str, Any]) -> None:
    model(**batch).loss.backward()
    whole = {name: one.grad.clone() for name, one in model.named_parameters()}
    model.zero_grad()
    loss_where_scored(model, batch).backward()
    for name, weights in model.named_parameters():
        torch.testing.assert_close(weights.grad, whole[name], rtol=1e-3, atol=1e-6)


def test_a_sum_is_shared_among_the_tokens_of_all_batches_of_a_step(
    model: Any, batch: dict[str, Any]
) -> None:
    counted = int((batch["labels"][:, 1:] != IGNORED).sum())
    mean = loss_where_scored(model, batch).item()
    shared = loss_where_scored(model, batch, torch.tensor(4 * counted)).item()
    assert shared == pytest.approx(mean / 4, rel=1e-5)


def test_a_batch_in_which_nothing_counts_costs_nothing(model: Any, batch: dict[str, Any]) -> None:
    batch["labels"][:] = IGNORED
    assert loss_where_scored(model, batch).item() == 0


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_a_model_is_asked_only_when_it_can_answer_for_some_places(model: Any) -> None:
    from peft import LoraConfig, get_peft_model

    assert takes_places(model)
    assert takes_places(get_peft_model(model, LoraConfig(task_type="CAUSAL_LM")))
    assert not takes_places(torch.nn.Linear(2, 2))


def test_the_last_layer_thinks_only_where_something_counts(
    model: Any, batch: dict[str, Any]
) -> None:
    seen: list[int] = []
    for layer in model.model.layers:
        layer.mlp.register_forward_hook(lambda _, given, __: seen.append(given[0][..., 0].numel()))
    loss_where_scored(model, batch)
    assert seen[-1] == int((batch["labels"][:, 1:] != IGNORED).sum())
    assert set(seen[:-1]) == {batch["input_ids"].numel()}


def test_activations_that_are_computed_twice_are_left_whole(
    model: Any, batch: dict[str, Any]
) -> None:
    loss_where_scored(model, batch).backward()
    once = {name: one.grad.clone() for name, one in model.named_parameters()}
    model.zero_grad()
    model.activation_checkpointing_enable()
    model.train()
    loss_where_scored(model, batch).backward()
    for name, weights in model.named_parameters():
        torch.testing.assert_close(weights.grad, once[name], rtol=1e-3, atol=1e-6)


@pytest.fixture
def alike(model: Any) -> dict[str, Any]:
    """Three rows with the same forty tokens before what is their own, the second one shorter."""
    chance = torch.Generator().manual_seed(7)
    ids = torch.randint(8, model.config.vocab_size, (3, 64), generator=chance)
    ids[:, :40] = ids[0, :40]
    labels = ids.clone()
    labels[:, :44] = IGNORED
    labels[1, 50:] = IGNORED
    attended = torch.ones_like(ids)
    attended[1, 50:] = 0
    return {"input_ids": ids, "labels": labels, "attention_mask": attended}


def _places_read(model: Any, batch: dict[str, Any]) -> int:
    read = []
    watch = model.register_forward_pre_hook(
        lambda _, __, named: read.append(named["input_ids"].numel()), with_kwargs=True
    )
    loss_where_scored(model, batch, share=True)
    watch.remove()
    return sum(read)


def test_a_beginning_that_all_rows_share_is_read_once(model: Any, alike: dict[str, Any]) -> None:
    assert goes_on(model)
    assert _places_read(model, alike) == 40 + 3 * 24


def test_with_a_shared_beginning_loss_and_gradients_are_the_same(
    model: Any, alike: dict[str, Any]
) -> None:
    loss = loss_where_scored(model, alike)
    loss.backward()
    apart = {name: one.grad.clone() for name, one in model.named_parameters()}
    model.zero_grad()
    shared = loss_where_scored(model, alike, share=True)
    shared.backward()
    assert shared.item() == pytest.approx(loss.item(), rel=1e-5)
    for name, weights in model.named_parameters():
        torch.testing.assert_close(weights.grad, apart[name], rtol=1e-3, atol=1e-6)


def test_what_counts_is_never_in_the_shared_beginning(model: Any, alike: dict[str, Any]) -> None:
    alike["labels"][0, 36:] = alike["input_ids"][0, 36:]
    assert _places_read(model, alike) == 35 + 3 * 29
    apart = loss_where_scored(model, alike).item()
    assert loss_where_scored(model, alike, share=True).item() == pytest.approx(apart, rel=1e-5)


def test_rows_that_share_little_or_stand_alone_are_read_whole(
    model: Any, alike: dict[str, Any]
) -> None:
    alone = {name: value[:1] for name, value in alike.items()}
    assert _places_read(model, alone) == 64
    alike["input_ids"][2, 5] += 1
    assert _places_read(model, alike) == 3 * 64


def test_a_beginning_that_is_padded_is_not_shared(model: Any, alike: dict[str, Any]) -> None:
    alike["attention_mask"][0, 0] = 0
    assert _places_read(model, alike) == 3 * 64


def test_rows_share_nothing_where_chance_drops_something_or_a_place_sees_only_the_last_few() -> (
    None
):
    from transformers import AutoModelForCausalLM, GPT2Config, Qwen2Config

    small = {"vocab_size": 32, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    gpt2 = GPT2Config(vocab_size=32, n_embd=16, n_layer=1, n_head=1, bos_token_id=1, eos_token_id=2)
    assert not goes_on(AutoModelForCausalLM.from_config(gpt2))
    assert goes_on(AutoModelForCausalLM.from_config(Qwen2Config(**small)))
    narrow = Qwen2Config(**small, use_sliding_window=True, sliding_window=8, max_window_layers=0)
    assert not goes_on(AutoModelForCausalLM.from_config(narrow))
