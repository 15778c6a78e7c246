"""Death made real: what is dead is zero, what hangs on it goes too, and the network is cut down to what lives."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from dpap_bio.deep.bridge import living
from dpap_bio.deep.latent import make_real
from dpap_bio.deep.network import DeepNetwork, Layer
from dpap_bio.kinds import Unhealthy


@torch.no_grad()
def settle(net: DeepNetwork, *, final: bool) -> None:
    """Draw the consequences of masks and dead units, until nothing changes.

    Arguments
        final  bool   True: a unit without live incoming or outgoing synapses is dead, its synapses on both sides with
                      it, its norm and bias are zero. False: it may come back; it is dead while nothing reaches it, and
                      keeps its norm. What is added to a cell reaches it as a synapse does
    Raises
        Unhealthy     a layer has no live unit left
    """
    masks = {x.name: torch.ones_like(x.weight, dtype=torch.bool) if x.mask is None else x.mask.clone()
             for x in net.layers}
    alive = {layer.name: living(layer) for layer in net.layers}
    while True:
        before = dict(alive)
        for layer in list(net.layers)[:-1]:
            name, spec = layer.name, layer.spec
            reached = masks[name].flatten(1).any(1)
            if spec.adds and spec.adds_to == "current":
                reached = reached | _sent(net, spec.adds, alive)
            if not final:
                alive[name] = reached
                continue
            alive[name] = alive[name] & reached & _used(net, name, masks, alive)
            _fill(masks[name], ~alive[name])
            if not alive[name].any():
                raise Unhealthy(f"layer {name} has died: no unit of it is left")
        for layer in net.layers:
            if final and layer.spec.receives:
                _fill(masks[layer.name].transpose(0, 1), ~_ends(_sent(net, layer.spec.receives, alive), layer))
        if all(torch.equal(alive[name], units) for name, units in before.items()):
            break
    for layer in net.layers:
        _silence(layer, masks[layer.name], alive[layer.name], final)


def _sent(net: DeepNetwork, name: str, alive: Mapping[str, Tensor]) -> Tensor:
    """Which channels of what a layer gives are alive: in a sum, those that live in any of its parts."""
    return torch.stack([alive[layer.name] for layer in net.sums(name)]).any(0)


def _used(net: DeepNetwork, name: str, masks: Mapping[str, Tensor], alive: Mapping[str, Tensor]) -> Tensor:
    """Which units of a layer reach anything: a live synapse, or the live cell that their channel is added to."""
    used = torch.zeros_like(alive[name])
    for layer in net.layers:
        if layer.spec.receives == name:
            used |= masks[layer.name].transpose(0, 1).flatten(1).any(1).view(len(used), -1).any(1)
        if layer.spec.adds == name:
            used |= alive[layer.name] if layer.spec.adds_to == "current" else _used(net, layer.name, masks, alive)
    return used


def tied(net: DeepNetwork) -> dict[str, list[str]]:
    """Layer -> all layers that must keep the same channels, since they are added, directly or through others."""
    groups = {layer.name: [layer.name] for layer in net.layers}
    for layer in net.layers:
        if layer.spec.adds and groups[layer.name] is not groups[layer.spec.adds]:
            groups[layer.spec.adds].extend(groups[layer.name])
            for name in groups[layer.name]:
                groups[name] = groups[layer.spec.adds]
    return groups


@torch.no_grad()
def still(net: DeepNetwork, moments: Mapping[str, tuple[Tensor, Tensor]]) -> None:
    """Set the optimiser's moments of everything dead to zero, or momentum would bring it back."""
    for layer in net.layers:
        for name, dead in _dead(layer):
            for moment in moments.get(f"layers.{_place(net, layer)}.{name}", ()):
                moment.masked_fill_(dead, 0.0)


@torch.no_grad()
def compact(net: DeepNetwork, moments: Mapping[str, tuple[Tensor, Tensor]],
            columns: Mapping[str, Mapping[str, Mapping[str, Tensor]]] | None = None):
    """Cut dead units out: a physically smaller network with the same output.

    Layers that are added keep the same channels: what is dead in one and alive in another stays, as zeros.

    Arguments
        net      changed in place; call `settle` with final = True before
        moments  parameter name -> two tensors of its shape
        columns  layer -> "synapse" or "neuron" -> column -> tensor: what a method remembers, (out, in, ...) or (out,)
    Returns
        moments, columns   cut likewise
    """
    moments = dict(moments)
    columns = {n: {kind: dict(c) for kind, c in two.items()} for n, two in (columns or {}).items()}
    groups, alive = tied(net), {layer.name: living(layer) for layer in net.layers}
    kept = {name: torch.stack([alive[each] for each in group]).any(0) for name, group in groups.items()}
    for k, layer in enumerate(net.layers):
        rows = kept[layer.name]
        kept_in = None if layer.spec.receives is None else _ends(kept[layer.spec.receives], layer)
        if kept_in is not None and layer.weight.shape[1] != len(kept_in):
            raise ValueError(f"layer {layer.name} receives {layer.weight.shape[1]}, {len(kept_in)} are sent")
        _cut(layer, f"layers.{k}", rows, kept_in, moments)
        if layer.name in columns:
            mine = columns[layer.name]
            mine["synapse"] = {n: _both(t, rows, kept_in) for n, t in mine["synapse"].items()}
            mine["neuron"] = {n: t[rows] for n, t in mine["neuron"].items()}
    return moments, columns


def compacted(net: DeepNetwork) -> DeepNetwork:
    """A copy of the network with everything dead cut out, whose output is the same."""
    smaller = copy.deepcopy(net)
    make_real(smaller.layers)
    settle(smaller, final=True)
    compact(smaller, {})
    return smaller


def _ends(alive: Tensor, following: Layer) -> Tensor:
    """Which inputs of the following layer are alive: one per channel, or as many per channel as its map has pixels."""
    return alive.repeat_interleave(following.weight.shape[1] // len(alive))


def _fill(mask: Tensor, rows: Tensor) -> None:
    mask[rows] = False


def _silence(layer: Layer, mask: Tensor, units: Tensor, final: bool) -> None:
    layer.mask = None if mask.all() else mask
    layer.alive = None if units.all() else units
    layer.weight.masked_fill_(~mask, 0.0)
    if final:
        layer.shift.masked_fill_(~units, 0.0)
        if layer.spec.norm:
            layer.gain.masked_fill_(~units, 0.0)
            layer.mean.masked_fill_(~units, 0.0)
            layer.variance.masked_fill_(~units, 1.0)


def _dead(layer: Layer):
    if layer.mask is not None:
        yield "weight", ~layer.mask
    if layer.alive is not None:
        yield "shift", ~layer.alive
        if layer.spec.norm:
            yield "gain", ~layer.alive


def _place(net: DeepNetwork, layer: Layer) -> int:
    return next(k for k, each in enumerate(net.layers) if each is layer)


def _both(tensor: Tensor, rows: Tensor, inputs: Tensor | None) -> Tensor:
    return tensor[rows] if inputs is None else tensor[rows][:, inputs]


def _cut(layer: Layer, place: str, rows: Tensor, inputs: Tensor | None, moments: dict) -> None:
    if rows.all() and (inputs is None or inputs.all()):
        return
    for name in ("weight", "shift", "gain"):
        if not hasattr(layer, name):
            continue
        across = inputs if name == "weight" else None
        setattr(layer, name, nn.Parameter(_both(getattr(layer, name).detach(), rows, across).contiguous()))
        key = f"{place}.{name}"
        if key in moments:
            moments[key] = tuple(_both(m, rows, across).contiguous() for m in moments[key])
    for name in ("mean", "variance", "unit_id"):
        if hasattr(layer, name):
            setattr(layer, name, getattr(layer, name)[rows])
    mask = None if layer.mask is None else _both(layer.mask, rows, inputs)
    layer.mask = None if mask is None or mask.all() else mask.contiguous()
    layer.alive = None if layer.alive is None or layer.alive[rows].all() else layer.alive[rows]
    layer.spec = replace(layer.spec, units=int(rows.sum()))
