"""Attention on a CPU, of rows that are not long: the plain sums, in few passes over the memory.

There the passes cost more than the products. The usual implementation turns all scores into 32-bit
numbers and back around the softmax, which computes in 32 bits anyway; the fused one is made for
longer rows.
"""

from __future__ import annotations

import functools
from typing import Any

_PLAIN = ("llama", "mistral", "qwen2", "qwen3")
"""Architectures whose attention is these sums and nothing more."""


def short_row_attention(model_type: str) -> str:
    """The name by which transformers knows the quickest attention for short rows on a CPU."""
    return _registered() if model_type in _PLAIN else "eager"


@functools.cache
def _registered() -> str:
    from transformers import AttentionInterface, AttentionMaskInterface

    name = "understudy_short_rows"
    AttentionInterface.register(name, attend)
    AttentionMaskInterface.register(name, _mask)
    return name


def _mask(*args: Any, dtype: Any, **kwargs: Any) -> Any:
    """The mask of the usual implementation, in the numbers that the scores have."""
    import torch
    from transformers.masking_utils import eager_mask

    usual: Any = eager_mask
    scores = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else dtype
    return usual(*args, dtype=scores, **kwargs)


def attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Any, None]:
    """What transformers asks of an attention: what is seen, and no weights."""
    import torch
    from transformers.integrations.sdpa_attention import repeat_kv

    key = repeat_kv(key, module.num_key_value_groups)
    value = repeat_kv(value, module.num_key_value_groups)
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if attention_mask is not None:
        scores += attention_mask
    weights = torch.softmax(scores, dim=-1)
    weights = torch.nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None
