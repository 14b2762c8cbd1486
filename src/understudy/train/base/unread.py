"""Pieces that the corpus never holds, such as a bracket or the names of the tools before a colon.

Training pushes all of them away from everything that is said, along the same line, until hardly
anything tells one from another. Fine-tuning leaves the table of words as it is, so a model could
never learn to say `spellcast` rather than `health`. So each of them gets a direction of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

_KEPT = 0.5
"""How much stays of what keeps them from being said where nobody asks for them."""


def tell_unread_apart(model: LlamaForCausalLM, read: Collection[int], seed: int) -> int:
    """Give the pieces that are not among ``read`` directions by ``seed``; how many they are."""
    import torch

    embeddings: Any = model.model.embed_tokens.weight
    known = torch.zeros(len(embeddings), dtype=torch.bool)
    known[torch.tensor(sorted(read))] = True
    unread = (~known).nonzero().flatten()
    width = embeddings.shape[1]
    drawn = torch.randn(len(unread), width, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        usual = embeddings[known].float().norm(dim=1).median()
        own = drawn * usual / width**0.5
        embeddings[unread] = _KEPT * embeddings[unread] + own.to(embeddings.dtype)
    return len(unread)
