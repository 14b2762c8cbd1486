"""The loss that is asked for where an answer counts is the loss of the whole row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from understudy.train.scored import IGNORED, loss_where_scored, takes_places  # noqa: E402


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
