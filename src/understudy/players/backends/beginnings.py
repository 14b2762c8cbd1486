"""What several prompts begin with is read once, and all of them go on from there.

Chats with one Dungeon Master begin with the same rules, which are longer than most of what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

WORTH_SHARING = 32
"""Two calls of the model cost more than what a shorter beginning saves."""


def keeps_all_it_reads(model: Any) -> bool:
    """Whether a beginning read once serves all rows: not where a place sees only the last few."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    layers = DynamicCache(config=model.config).layers
    return all(type(layer) is DynamicLayer for layer in layers)


def shared_beginning(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, one left of each; 0 where it is not worth it."""
    if len(prompts) < 2:
        return 0
    first, last = min(prompts), max(prompts)
    most = min(map(len, prompts)) - 1
    shared = next((at for at in range(most) if first[at] != last[at]), most)
    return shared if shared >= WORTH_SHARING else 0
