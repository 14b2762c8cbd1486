"""The loss of a training on a CPU: the table of words is asked only where an answer counts.

TRL scores every place of a row there and throws most of it away; of a chat with its rules and its
sheet, one token in eight is the assistant's.
"""

from __future__ import annotations

import inspect
from typing import Any

IGNORED = -100
_PLACES = "logits_to_keep"


def takes_places(model: Any) -> bool:
    """Whether the model can be asked for the scores of some places only."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return _PLACES in inspect.signature(type(base).forward).parameters


def loss_where_scored(model: Any, inputs: dict[str, Any], tokens: Any = None) -> Any:
    """The mean loss of the labels, or their sum divided by ``tokens``.

    The rows of a batch share the places that are asked: those that count in any of them.
    """
    import torch

    labels = inputs["labels"][:, 1:]
    places = (labels != IGNORED).any(dim=0).nonzero().flatten()
    asked = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**asked, **{_PLACES: places}, use_cache=False).logits
    labels = labels[:, places]
    total = torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    count = (labels != IGNORED).sum() if tokens is None else torch.as_tensor(tokens)
    return total / count.clamp(min=1)
