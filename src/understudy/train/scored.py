"""The loss of a training on a CPU: nothing is computed twice, or only to be thrown away.

TRL scores every place of a row there; of a chat with its rules and its sheet, most are not the
assistant's. And chats with one Dungeon Master begin with the same rules: what all rows of a batch
begin with is read once, and all of them go on from there.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

IGNORED = -100
_PLACES = "logits_to_keep"
_WORTH_SHARING = 32
"""Two calls of the model cost more than what a shorter beginning saves."""


def takes_places(model: Any) -> bool:
    """Whether the model can be asked for the scores of some places only."""
    return _PLACES in inspect.signature(type(_plain(model)).forward).parameters


def goes_on(model: Any) -> bool:
    """Whether rows can go on from a beginning that is read once, with the same sums.

    Not where a place sees only the last few, and not where chance drops something else in each row.
    """
    from torch.nn import Dropout
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    plain = _plain(model)
    drops = any(isinstance(module, Dropout) and module.p for module in plain.modules())
    return (
        not drops
        and not getattr(plain.config, "attention_dropout", 0)
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=plain.config).layers)
    )


def loss_where_scored(
    model: Any, inputs: dict[str, Any], tokens: Any = None, *, share: bool = False
) -> Any:
    """The mean loss of the labels, or their sum divided by ``tokens``.

    With ``share``, the rows also share their beginning, which takes a model that `goes_on`.
    """
    import torch

    # What a place says is compared with the label behind it, so the last one says nothing.
    labels = torch.nn.functional.pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED)
    asked = {name: value for name, value in inputs.items() if name != "labels"}
    shared = _shared(asked, labels) if share else 0
    if shared:
        ids = asked["input_ids"]
        cache = model(input_ids=ids[:1, :shared], **{_PLACES: 1}, use_cache=True).past_key_values
        cache.batch_repeat_interleave(len(ids))
        asked |= {"input_ids": ids[:, shared:], "past_key_values": cache}
        labels = labels[:, shared:]
    labels = labels.flatten()
    places = (labels != IGNORED).nonzero().flatten()
    with _asked_only_at(places, model):
        logits = model(**asked, use_cache=bool(shared)).logits.flatten(0, 1)
    total = torch.nn.functional.cross_entropy(logits.float(), labels[places], reduction="sum")
    return total / (max(len(places), 1) if tokens is None else torch.as_tensor(tokens).clamp(min=1))


@contextlib.contextmanager
def _asked_only_at(places: Any, model: Any) -> Iterator[None]:
    """Let the table of words see these ``places`` alone, counted through all rows."""

    def chosen(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (given[0].flatten(0, 1).index_select(0, places)[None], *given[1:])

    watched = _plain(model).get_output_embeddings().register_forward_pre_hook(chosen)
    try:
        yield
    finally:
        watched.remove()


def _shared(asked: dict[str, Any], labels: Any) -> int:
    """How many tokens all rows begin with; 0 where going on from them is not worth it."""
    ids, attended = asked["input_ids"], asked.get("attention_mask")
    if len(ids) < 2:
        return 0
    same = (ids == ids[0]).all(dim=0) & (labels == IGNORED).all(dim=0)
    if attended is not None:
        same &= attended.all(dim=0)
    count = int(same.long().cumprod(0).sum())
    return count if count >= _WORTH_SHARING else 0


def _plain(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
