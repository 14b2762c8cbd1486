"""Attention in 16 bits on a CPU, of rows that are not long: the plain sums, in few passes.

There the passes over the memory cost more than the products. The usual implementation turns all
scores into 32-bit numbers and back around the softmax, which computes in 32 bits anyway; the fused
one is made for longer rows and for 32 bits.
"""

from __future__ import annotations

import functools
from typing import Any

PLAIN = ("llama", "mistral", "qwen2", "qwen3")
"""Architectures whose attention is these sums, and whose layers do nothing but attend and think."""
_MOST_SCORES = 1 << 25
"""More of them, of all rows and heads of a step, are left to the fused attention."""


def short_row_attention(model_type: str) -> str | None:
    """The name by which transformers knows this attention; None where a model has its own way."""
    return _registered() if model_type in PLAIN else None


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
    if query.shape[:3].numel() * key.shape[2] > _MOST_SCORES:
        seen = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attention_mask, dropout if module.training else 0.0, scale=scaling
        )
        return seen.transpose(1, 2).contiguous(), None
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if attention_mask is not None:
        scores += attention_mask
    weights = torch.softmax(scores, dim=-1)
    weights = torch.nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), None
