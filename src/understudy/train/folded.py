"""Adapters on a CPU: folded into their weights for each step instead of computed beside them.

PEFT sends all tokens through two narrow matrices beside each wide one, and adds what comes out. A
CPU is quicker when it adds the product of the narrow ones to the wide one, once a step: the same
sum, and the very weights that merging the adapter makes later.
"""

from __future__ import annotations

import functools
from typing import Any


def fold_adapters(model: Any) -> int:
    """Fold what can be folded in ``model`` from now on; how many layers that are.

    A layer that has more to it (dropout, a bias of the adapter, DoRA, four bits) stays as it is.
    """
    from peft.tuners.lora.layer import Linear
    from torch import nn

    folded = 0
    for layer in model.modules():
        # Of the class itself: those of PEFT that are derived from it compute something else.
        plain = type(layer) is Linear and type(layer.base_layer) is nn.Linear
        if plain:
            layer.forward = functools.partial(_forward, layer, layer.forward)
            folded += 1
    return folded


def _forward(layer: Any, usual: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    if args or kwargs or not _is_plain(layer):
        return usual(x, *args, **kwargs)
    import torch

    name = layer.active_adapters[0]
    base = layer.base_layer
    # What the adapter adds is small against the weights: the sum is taken before it is rounded.
    narrow = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
    with torch.autocast("cpu", enabled=False):
        out = _function().apply(
            x.to(narrow), base.weight, layer.lora_A[name].weight, layer.lora_B[name].weight,
            layer.scaling[name],
        )  # fmt: skip
        return out if base.bias is None else out + base.bias.to(narrow)


def _is_plain(layer: Any) -> bool:
    from torch import nn

    active = layer.active_adapters
    if layer.disable_adapters or layer.merged or len(active) != 1 or active[0] not in layer.lora_A:
        return False
    name = active[0]
    return (
        isinstance(layer.lora_dropout[name], nn.Identity)
        and name not in layer.lora_variant
        and layer.lora_B[name].bias is None
        and not layer.base_layer.weight.requires_grad
    )


@functools.cache
def _function() -> Any:
    """The sum, and its gradient for the adapter alone."""
    import torch

    class Folded(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, a: Any, b: Any, scaling: float) -> Any:
            whole = torch.addmm(weight, b.to(weight.dtype), a.to(weight.dtype), alpha=scaling)
            whole = whole.to(x.dtype)
            ctx.save_for_backward(x, whole, a, b)
            ctx.scaling = scaling
            return torch.nn.functional.linear(x, whole)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            x, whole, a, b = ctx.saved_tensors
            grad = grads[0].to(x.dtype)
            rows, grads_of_rows = x.flatten(0, -2), grad.flatten(0, -2)
            through_b = grads_of_rows @ b.to(x.dtype)
            through_a = rows @ a.to(x.dtype).t()
            of_a = ctx.scaling * (through_b.t() @ rows).to(a.dtype)
            # Turned, since libraries are half as quick with a product this tall and narrow.
            of_b = ctx.scaling * (through_a.t() @ grads_of_rows).t().to(b.dtype)
            of_x = grad @ whole if ctx.needs_input_grad[0] else None
            return of_x, None, of_a, of_b, None

    return Folded
