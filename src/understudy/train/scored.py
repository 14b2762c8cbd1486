"""The loss of a training on a CPU: nothing is computed twice, or only to be thrown away.

TRL scores every place of a row there; of a chat with its rules and its sheet, most are not the
assistant's. And chats with one Dungeon Master begin with the same rules: what all rows of a batch
begin with is read once, and all of them go on from there.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

from understudy.players.backends.beginnings import WORTH_SHARING, keeps_all_it_reads
from understudy.train.attention import PLAIN

IGNORED = -100
_PLACES = "logits_to_keep"


def takes_places(model: Any) -> bool:
    """Whether the model can be asked for the scores of some places only."""
    return _PLACES in inspect.signature(type(_plain(model)).forward).parameters


def goes_on(model: Any) -> bool:
    """Whether rows can go on from a beginning that is read once, with the same sums.

    Not where a place sees only the last few, and not where chance drops something else in each row.
    """
    from torch.nn import Dropout

    plain = _plain(model)
    drops = any(isinstance(module, Dropout) and module.p for module in plain.modules())
    return (
        not drops
        and not getattr(plain.config, "attention_dropout", 0)
        and keeps_all_it_reads(plain)
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
        # Of a beginning, what it is to those behind is wanted, and nothing that it says.
        with _asked_only_at(torch.tensor([shared - 1]), (1, shared), model):
            cache = model(input_ids=ids[:1, :shared], use_cache=True).past_key_values
        cache.batch_repeat_interleave(len(ids))
        asked |= {"input_ids": ids[:, shared:], "past_key_values": cache}
        labels = labels[:, shared:]
    rows, labels = labels.shape, labels.flatten()
    places = (labels != IGNORED).nonzero().flatten()
    with _asked_only_at(places, rows, model):
        logits = model(**asked, use_cache=bool(shared)).logits.flatten(0, 1)
    total = torch.nn.functional.cross_entropy(logits.float(), labels[places], reduction="sum")
    return total / (max(len(places), 1) if tokens is None else torch.as_tensor(tokens).clamp(min=1))


@contextlib.contextmanager
def _asked_only_at(places: Any, rows: Sequence[int], model: Any) -> Iterator[None]:
    """Let the table of words see these ``places`` alone, counted through all rows.

    So do those parts of the last layer that look at one place at a time.
    """

    def chosen(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (given[0].flatten(0, 1).index_select(0, places)[None], *given[1:])

    def spread(_: Any, __: Any, found: Any) -> Any:
        nothing = found.new_zeros(rows[0] * rows[1], found.shape[-1])
        return nothing.index_copy(0, places, found[0]).view(*rows, -1)

    plain = _plain(model)
    watched = [plain.get_output_embeddings().register_forward_pre_hook(chosen)]
    for part in _last_parts(plain):
        watched += [part.register_forward_pre_hook(chosen), part.register_forward_hook(spread)]
    try:
        yield
    finally:
        for one in watched:
            one.remove()


def _last_parts(plain: Any) -> list[Any]:
    """What the last layer does with one place at a time, where it is known to do so."""
    if getattr(getattr(plain, "config", None), "model_type", "") not in PLAIN:
        return []
    last = plain.model.layers[-1]
    # What is computed a second time, in the backward pass, would not be watched then.
    return [] if last.gradient_checkpointing else [last.self_attn.o_proj, last.mlp]


def _shared(asked: dict[str, Any], labels: Any) -> int:
    """How many tokens all rows begin with; 0 where going on from them is not worth it."""
    ids, attended = asked["input_ids"], asked.get("attention_mask")
    if len(ids) < 2:
        return 0
    same = (ids == ids[0]).all(dim=0) & (labels == IGNORED).all(dim=0)
    if attended is not None:
        same &= attended.all(dim=0)
    count = int(same.long().cumprod(0).sum())
    return count if count >= WORTH_SHARING else 0


def _plain(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
