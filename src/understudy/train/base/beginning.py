"""How the base model begins: with the circuit that copies already in its weights.

A model of this size finds "what followed the last time I saw this token" (an induction head) by
itself only after many millions of tokens. It needs two things: a head that looks at the token
before, and heads of the next layer that look for a place whose token before is like the token at
hand, and pass on what stands there. Both can be written down, so the training begins with them and
spends its time on what cannot. Everything else begins with the usual small random numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaForCausalLM

_SPREAD = 0.02
_EMBEDDING = 0.05
"""The spread of the embeddings, in the directions that are left to them."""
_SHARED = 0.4
"""What all embeddings share in one direction: the only thing a head can tell positions by."""
_PREVIOUS = 6.0
"""The score of the token before, for each of the fast rotations."""
_FAST = 12
"""So many rotations are fast enough to tell neighbours apart; the others carry what is alike."""
_NOTED = 0.12
"""How loudly the token before is noted."""
_ALIKE = 5.0
"""How strongly what is alike is looked for."""
_PASSED = 0.5
"""How loudly what was found is passed on."""


def begin(model: LlamaForCausalLM) -> None:
    """Set the weights of a new model of at least two layers; torch's seed decides the rest."""
    import torch

    config = model.config
    width, heads, base = config.hidden_size, config.num_attention_heads, _rope_base(config)
    size = width // heads
    half = size // 2
    slow = half - _FAST
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0, _SPREAD)
        directions = torch.linalg.qr(torch.randn(width, width))[0]
        shared, noted, free = (
            directions[:, 0],
            directions[:, 1 : 1 + 2 * slow],
            directions[:, 1 + 2 * slow :],
        )
        kept = free[:, torch.randperm(free.shape[1])[: 2 * slow]]
        embeddings: Any = model.model.embed_tokens.weight
        scattered = torch.randn(embeddings.shape[0], free.shape[1])
        scattered *= _EMBEDDING * (width / free.shape[1]) ** 0.5
        embeddings.copy_(scattered @ free.T + _SHARED * shared)
        layers: Any = model.model.layers
        _look_back(layers[0].self_attn, shared, kept, noted, size, base)
        _look_for_alike(layers[1].self_attn, kept, noted, size)


def _look_back(
    attention: Any, shared: Tensor, kept: Tensor, noted: Tensor, size: int, base: float
) -> None:
    """The first head looks at the token before and notes it."""
    import torch

    half = size // 2
    length = _SHARED / (_EMBEDDING**2 * len(shared) + _SHARED**2) ** 0.5 * len(shared) ** 0.5
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
