"""What each time step is worth to a network."""

from __future__ import annotations

import torch
from torch import Tensor

from dpap_bio.deep.network import DeepNetwork, Layer


@torch.no_grad()
def step_importance(net: DeepNetwork, batches) -> Tensor:
    """How much happens in each step, and how much of it DPAP's BCM score would count: sum over layers of N(A) N(B).

    A(t) is the mean number of spikes of a layer in step t, B(t) the mean over samples of
    sum_j s_j(t) (s_j(t) - theta_j) sum_i x_i(t), theta_j the mean of s_j over samples and steps, N min-max over steps.
    A layer that does the same in every step says nothing about them and counts 0.

    Arguments
        batches  of (what the first layer receives, labels)
    Returns
        (T,) float, 1
    Source
        ours: the product by which DPAP rates units, for steps
    """
    seen: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
    steps = net.model.steps

    def see(layer: Layer, received: Tensor, spikes: Tensor | None, constant: bool) -> None:
        if spikes is not None:
            fired, heard = seen.setdefault(layer.name, ([], []))
            fired.append(_by_step(spikes, steps))
            sent = received.relu().flatten(1).sum(1)
            heard.append(sent.expand(steps, -1) if constant else sent.view(steps, -1))

    net.eval()
    for x, _ in batches:
        net(x, see)
    total = torch.zeros(steps)
    for fired, heard in seen.values():
        s, x = torch.cat(fired, 1), torch.cat(heard, 1)
        score = ((s * (s - s.mean((0, 1)))).sum(2) * x).mean(1)
        total += _range(s.mean((1, 2))) * _range(score)
    return total


def _by_step(spikes: Tensor, steps: int) -> Tensor:
    """Spikes (T * B, units, ...) as (T, B, units), maps summed."""
    return spikes.reshape(steps, -1, spikes.shape[1], spikes[0, 0].numel()).sum(3)


def _range(values: Tensor) -> Tensor:
    span = values.max() - values.min()
    return (values - values.min()) / span if span > 0 else torch.zeros_like(values)
