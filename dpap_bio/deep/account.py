"""What a deep network has and does, layer by layer: weights, units, multiplications, spikes, synaptic operations."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from dpap_bio.deep.bridge import any_living
from dpap_bio.deep.network import DeepNetwork, Layer


def sizes(net: DeepNetwork) -> dict[str, dict[str, int]]:
    """Layer -> weights, units and multiplications per image and step of the full network."""
    return {layer.name: {"weights": layer.weight.numel(), "units": layer.weight.shape[0],
                         "macs": layer.weight.numel() * math.prod(layer.spec.map)} for layer in net.layers}


class Spikes:
    """Counts, as a network runs, how many spikes each layer receives and fires."""

    def __init__(self):
        self.fired: dict[str, float] = {}
        self.received: dict[str, Tensor] = {}

    def __call__(self, layer: Layer, received: Tensor, spikes: Tensor | None, constant: bool) -> None:
        if spikes is not None:
            self.fired[layer.name] = self.fired.get(layer.name, 0.0) + float(spikes.sum())
        if not constant:
            by_input = received.flatten(2).sum((0, 2)) if layer.spec.kind == "conv" else received.flatten(1).sum(0)
            self.received[layer.name] = self.received.get(layer.name, 0) + by_input.double()


def live_mask(net: DeepNetwork) -> dict[str, Tensor]:
    """Layer -> which weights live (weights' shape): neither they nor the unit at either end is dead."""
    found = {}
    for layer in net.layers:
        live = layer.effective() != 0 if layer.mask is None else layer.mask.clone()
        if layer.alive is not None:
            live &= layer.alive.view(-1, *[1] * (live.ndim - 1))
        if heard := net.hears(layer):
            ends = any_living(heard)
            ends = ends.repeat_interleave(live.shape[1] // len(ends))
            live &= ends.view(1, -1, *[1] * (live.ndim - 2))
        found[layer.name] = live
    return found


def layers(net: DeepNetwork, full: Mapping[str, Mapping[str, int]], spikes: Spikes, n: int) -> dict[str, dict]:
    """Layer -> what it has and does per image: its full size, what lives of it, spikes and synaptic operations.

    Synaptic operations are additions that spikes cause at live synapses; under direct encoding the first layer has none
    but multiplications, once per image. Spikes at the border of a padded map reach fewer positions; that is not
    subtracted, so that the number is an upper bound there.
    """
    found, live = {}, live_mask(net)
    for layer in net.layers:
        mask = live[layer.name]
        row = dict(full[layer.name])
        row["live_weights"] = int(mask.sum())
        row["live_units"] = mask.shape[0] if layer.alive is None else int(layer.alive.sum())
        row["live_macs"] = row["live_weights"] * math.prod(layer.spec.map)
        row["spikes"] = spikes.fired.get(layer.name, 0.0) / n
        row["synops"] = _operations(layer, mask, spikes.received.get(layer.name)) / n
        found[layer.name] = row
    return found


def _operations(layer: Layer, mask: Tensor, received: Tensor | None) -> float:
    if received is None:
        return 0.0
    fan_out = mask.double().sum((0, 2, 3) if mask.ndim == 4 else 0)
    return float(fan_out @ received)
