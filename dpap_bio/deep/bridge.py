"""A layer as a Projection, and back: the rules that prune a brain prune a deep network.

Synapses are kernels or fc weights (grain "kernel"), or single numbers of a kernel (grain "weight"); neurons are
channels and units. Synapse k of a layer is at place k of its weights, row by row; dead ones stay in their places.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from dpap_bio.deep.network import Layer
from dpap_bio.network import Projection, Table


def form(layer: Layer, grain: str) -> tuple[int, ...]:
    """The shape in which synapses of that grain stand: (out, in), or the shape of the weights."""
    return tuple(layer.weight.shape[:2]) if grain == "kernel" else tuple(layer.weight.shape)


def projection(layer: Layer, heard: list[Layer], grain: str, synapse: Mapping[str, Tensor],
               neuron: Mapping[str, Tensor]) -> Projection:
    """What the rules see of a layer.

    Arguments
        heard    the layers whose spikes it receives, one or a sum of several; none: the image
        grain    "kernel" or "weight"
        synapse  column -> tensor of `form`; further columns of the synapses
        neuron   column -> (out,) tensor; further columns of the target units
    Returns
        Projection   synapses id, pre, post, alive, w (fc weights and single numbers signed, kernels their Euclidean
                     norm); source id, unit (of the layer before), alive
    """
    shape, device = form(layer, grain), layer.weight.device
    n_out, n_in = shape[:2]
    each = math.prod(shape[2:])
    index = torch.arange(math.prod(shape), device=device)
    post, pre = index // (n_in * each), index // each % n_in
    weight = layer.weight.detach()
    w = weight.flatten(2).norm(dim=2) if grain == "kernel" and weight.ndim > 2 else weight
    alive = _alive(layer, grain)
    columns = {n: t.flatten() for n, t in synapse.items()}
    synapses = Table({"id": index, "pre": pre, "post": post, "alive": alive.flatten(), "w": w.flatten(), **columns})
    target = Table({"id": layer.unit_id, "alive": living(layer), **neuron})
    return Projection(layer.name, _source(layer, heard), target, synapses)


@torch.no_grad()
def put_back(layer: Layer, grain: str, old: Projection, new: Projection) -> Tensor:
    """Write what a method decided into the layer: weights, mask, living units; the newborn start at weight 0.

    Returns
        (form) bool   which synapses are newborn
    """
    shape = form(layer, grain)
    alive, was = new.synapses.alive.reshape(shape), old.synapses.alive.reshape(shape)
    if new.synapses.w is not old.synapses.w:
        if grain == "kernel" and layer.weight.ndim > 2:
            raise ValueError(f"{layer.name}: a rule cannot set the weight of a whole kernel; use grain = \"weight\"")
        layer.weight.copy_(new.synapses.w.reshape(layer.weight.shape))
    layer.mask = alive.reshape(*shape, *[1] * (layer.weight.ndim - len(shape))).expand_as(layer.weight).clone()
    layer.alive = new.target.alive.clone()
    born = alive & ~was
    weights = born.reshape(*shape, *[1] * (layer.weight.ndim - len(shape))).expand_as(layer.weight)
    layer.weight.masked_fill_(weights, 0.0)
    return born


def living(layer: Layer) -> Tensor:
    """Which units are alive, (out,) bool."""
    return torch.ones_like(layer.unit_id, dtype=torch.bool) if layer.alive is None else layer.alive


def any_living(layers: list[Layer]) -> Tensor:
    """Which units are alive in any of the layers, (out,) bool."""
    return torch.stack([living(layer) for layer in layers]).any(0)


def _alive(layer: Layer, grain: str) -> Tensor:
    if layer.mask is None:
        return torch.ones(form(layer, grain), dtype=torch.bool, device=layer.weight.device)
    return layer.mask.flatten(2).any(2) if grain == "kernel" and layer.mask.ndim > 2 else layer.mask


def _source(layer: Layer, heard: list[Layer]) -> Table:
    n, device = layer.weight.shape[1], layer.weight.device
    index = torch.arange(n, device=device)
    if not heard:
        return Table({"id": index, "unit": index, "alive": torch.ones(n, dtype=torch.bool, device=device)})
    alive = any_living(heard)
    unit = index // (n // len(alive))
    return Table({"id": index, "unit": unit, "alive": alive[unit]})
