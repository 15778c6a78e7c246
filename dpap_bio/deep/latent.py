"""Weights held back: what is learned is latent, and only what passes a bound becomes a weight.

w = relu(theta - above) - relu(-theta - below): nothing between -below and above, the rest that much nearer to 0. The
gradient by w is passed to theta as it is, also where w is 0, so that a latent synapse can grow and pass the bound.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dpap_bio.kinds import Unhealthy


def held_back(theta: Tensor, above: Tensor, below: Tensor) -> Tensor:
    """The weights w of latent values theta, (...); `above` and `below` of the same shape are 0 or more, or infinite."""
    return _Held.apply(theta, above, below)


@torch.no_grad()
def silence_unreached(layers) -> None:
    """Take a unit whose every incoming weight is 0 for dead: it must not live on its norm. It stays so.

    Raises
        Unhealthy   a layer has no live unit left
    """
    for layer in layers:
        reached = (layer.effective() != 0).flatten(1).any(1)
        alive = reached if layer.alive is None else reached & layer.alive
        if not alive.any():
            raise Unhealthy(f"layer {layer.name} has died: no weight of it is left")
        layer.alive = None if alive.all() else alive


@torch.no_grad()
def make_real(layers) -> None:
    """Put the weights in place of the latent values: the output stays the same, nothing can grow any more."""
    for layer in layers:
        if layer.above is None:
            continue
        layer.weight = nn.Parameter(layer.effective())
        layer.mask = layer.weight.detach() != 0
        layer.above = layer.below = None


class _Held(torch.autograd.Function):
    @staticmethod
    def forward(ctx, theta, above, below):
        return torch.relu(theta - above) - torch.relu(-theta - below)

    @staticmethod
    def backward(ctx, grad):
        return grad, None, None
