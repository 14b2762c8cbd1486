"""How the base model begins: with what copies, and with words that know what they have to do with.

A model of this size finds "what followed the last time I saw this token" (an induction head) by
itself only after many millions of tokens. It needs two things: a head that looks at the token
before, and heads of the next layer that look for a place whose token before is like the token at
hand, and pass on what stands there. Both can be written down, in the last two layers, so the
training begins with them. Likewise the embeddings begin with what was counted (`meanings`), and one
early layer with heads that gather it from all that was said. Everything else is small and random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import LlamaForCausalLM

MEANING_SIZE = 96
"""The dimensions of the embeddings that hold meanings; the others tell tokens apart."""
_SPREAD = 0.01
"""The spread of what is random."""
_OWN = 0.1
"""The spread of what tells tokens apart."""
_SHARED = 0.4
"""What all embeddings share in one direction: the only thing a head can tell positions by."""
_MEANING = 1.5
_PREVIOUS = 6.0
"""The score of the token before, for each of the fast rotations."""
_FAST = 12
"""So many rotations are fast enough to tell neighbours apart; the others carry what is alike."""
_NOTED = 0.25
"""How loudly the token before is noted."""
_ALIKE = 5.0
"""How strongly what is alike is looked for."""
_PASSED = 0.25
"""How loudly what was found is passed on."""
_LAST_SCALE = 0.5
"""Embeddings this long would make a new model too sure."""


def begin(model: LlamaForCausalLM, meanings: NDArray[np.float32]) -> None:
    """Set the weights of a new model of at least two layers; torch's seed decides what is random.

    Heads must be of 64 dimensions and the model at least 256 wide.
    """
    import torch

    config: Any = model.config
    width = config.hidden_size
    size = width // config.num_attention_heads
    slow = size - 2 * _FAST
    layers: Any = model.model.layers
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0, _SPREAD)
        directions = torch.linalg.qr(torch.randn(width, width))[0]
        shared, noted, meant, own = directions.split(
            (1, slow, MEANING_SIZE, width - 1 - slow - MEANING_SIZE), dim=1
        )
        embeddings: Any = model.model.embed_tokens.weight
        told_apart = (
            torch.randn(len(embeddings), own.shape[1]) * _OWN * (width / own.shape[1]) ** 0.5
        )
        embeddings.copy_(
            _MEANING * torch.from_numpy(meanings) @ meant.T
            + told_apart @ own.T
            + _SHARED * shared.T
        )
        model.model.norm.weight.fill_(_LAST_SCALE)
        kept = own[:, :slow]
        length = _SHARED / embeddings.norm(dim=1).mean().item() * width**0.5
        *_, before, last = (layer.self_attn for layer in layers)
        _gather(layers[max(0, len(layers) - 4)].self_attn, meant, size)
        _look_back(before, shared[:, 0], kept, noted, size, length, _rope_base(config))
        _look_for_alike(last, kept, noted, size)


def _gather(attention: Any, meant: Tensor, size: int) -> None:
    """Heads that look everywhere alike and hand on the meanings."""
    rows = slice(size, size + meant.shape[1])
    attention.v_proj.weight[rows] = meant.T
    attention.o_proj.weight[:, rows] = meant


def _look_back(
    attention: Any,
    shared: Tensor,
    kept: Tensor,
    noted: Tensor,
    size: int,
    length: float,
    base: float,
) -> None:
    """The first head looks at the token before and notes it."""
    import torch

    half = size // 2
    strength = (_PREVIOUS * size**0.5) ** 0.5 / length
    for weights in (attention.q_proj, attention.k_proj, attention.v_proj):
        weights.weight[:size] = 0
    attention.o_proj.weight[:, :size] = 0
    for number in range(_FAST):
        # Turned back by one position, a query meets the key of the position before it best.
        angle = torch.tensor(base ** (-number / half))
        attention.q_proj.weight[number] = strength * torch.cos(angle) * shared
        attention.q_proj.weight[number + half] = -strength * torch.sin(angle) * shared
        attention.k_proj.weight[number] = strength * shared
    attention.v_proj.weight[: kept.shape[1]] = kept.T
    attention.o_proj.weight[:, : kept.shape[1]] = _NOTED * noted


def _look_for_alike(attention: Any, kept: Tensor, noted: Tensor, size: int) -> None:
    """All heads look where the token before is like the one at hand, and pass on what is there."""
    import torch

    half, width = size // 2, len(kept)
    attention.q_proj.weight.zero_()
    attention.k_proj.weight.zero_()
    slow = [*range(_FAST, half), *range(_FAST + half, size)]
    for head in range(width // size):
        for place, row in enumerate(slow):
            attention.q_proj.weight[head * size + row] = _ALIKE**0.5 * kept[:, place]
            attention.k_proj.weight[head * size + row] = _ALIKE**0.5 * noted[:, place]
    passed = torch.linalg.qr(torch.randn(width, width))[0]
    attention.v_proj.weight.copy_(passed)
    attention.o_proj.weight.copy_(_PASSED * passed.T)


def _rope_base(config: Any) -> float:
    """The base of the rotations, wherever this version of transformers keeps it."""
    parameters = getattr(config, "rope_parameters", None) or {}
    return float(parameters.get("rope_theta") or config.rope_theta)
