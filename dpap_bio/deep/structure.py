"""A pruning method at work on a network: what it remembers, what it sees, and its step after each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dpap_bio.deep import bridge, optimiser
from dpap_bio.deep.deaths import compact, settle, still
from dpap_bio.deep.latent import silence_unreached
from dpap_bio.deep.methods.method import LayerView, Method
from dpap_bio.deep.model import with_steps
from dpap_bio.deep.network import DeepNetwork, encoded
from dpap_bio.deep.statistics import SlotTraces, Traces, mean_gradient, mean_nearness, mean_rate
from dpap_bio.deep.steps import step_importance
from dpap_bio.newborn import generator
from dpap_bio.rules.importance import kept_share
from dpap_bio.rules.rule import Activity, Firing

PROBED = 20  # batches of 100 training images on which nearness to threshold, rates and gradients are measured


class Structure:
    """What a method remembers of each prunable layer between epochs.

    Arguments
        method  how to prune
        net     at its present size
        p       the method's parameters
        kept    what `arrays` gave, to go on from; empty starts every column at its start value
    """

    def __init__(self, method: Method, net: DeepNetwork, p, kept: Mapping):
        self.method, self.p, self.traces = method, p, None
        full = DeepNetwork(net.model).prunable()
        self.full = {layer.name: math.prod(bridge.form(layer, method.grain)) for layer in full}
        self.full_units = {layer.name: layer.weight.shape[0] for layer in full}
        self.columns = {layer.name: self._begin(layer) for layer in net.prunable()}
        if method.of_steps is not None:
            self._of_steps()["reserve"] = torch.full((net.model.steps,), float(p.reserve_start))
            self._of_steps()["shown"] = torch.arange(net.model.steps)
        for name, two in kept.items():
            for kind, columns in two.items():
                self.columns[name][kind] |= {n: torch.from_numpy(np.array(a)) for n, a in columns.items()}

        if method.of_steps is not None:
            net.model = with_steps(net.model, self._of_steps()["shown"].tolist())

    def see(self, net: DeepNetwork):
        """What the forward pass of a training epoch must call, or None."""
        if self.method.sees == "bcm_slots":
            slots = {n: two["slots"] for n, two in self.columns.items() if two["slots"]}
            start = {n: (s["threshold"], float(s["batches"])) for n, s in slots.items()}
            self.traces = SlotTraces(net, start, decay=self.p.trace_decay)
            return self.traces
        if self.method.sees != "bcm":
            return None
        start, kept = {}, kept_share(1.0, self.p.threshold_memory)
        for layer in net.prunable():
            neuron = self.columns[layer.name]["neuron"]
            start[layer.name] = neuron["threshold_bcm"], kept * neuron["threshold_weight"]
        self.traces = Traces(net, start, decay=self.p.trace_decay, power=self.p.threshold_power,
                             scale=self.p.threshold_scale)
        return self.traces

    def develop(self, learner, feed, p, seed: int, number: int, quotas: Mapping[str, Mapping[int, int]]) -> None:
        """Let the method decide after epoch `number` (-1: at birth), and make it real: masks, zeros, moments, sizes."""
        step = self.method.start if number < 0 else self.method.step
        if step is None:
            return
        net = learner.net
        if self.method.of_steps is not None:
            self._drop_steps(net, feed, seed, number)
        views = self._views(net, feed, seed, number, quotas, learner.learned)
        decided = step(views, p, generator(seed, number, "method"))
        for layer in net.prunable():
            if layer.name in decided:
                self._put_back(layer, views[layer.name].projection, decided[layer.name])
        if self.method.latent:
            self._hold_back(net)
            return
        if not self.method.enforced:
            self._zero_once(net)
            return
        settle(net, final=self.method.final)
        moments = optimiser.moments(net, learner.optimiser)
        still(net, moments)
        if self.method.final and any(layer.alive is not None for layer in net.layers):
            steps = optimiser.steps_taken(net, learner.optimiser)
            moments, self.columns = compact(net, moments, self.columns)
            learner.optimiser = optimiser.adamw(net, lr=p.lr, weight_decay=p.weight_decay, moments=moments, steps=steps)

    def _of_steps(self) -> dict[str, Tensor]:
        """What is remembered of the time steps that are left: kept with the first layer."""
        return next(iter(self.columns.values()))["steps"]

    def _drop_steps(self, net: DeepNetwork, feed, seed: int, number: int) -> None:
        mine = self._of_steps()
        worth = step_importance(net, _probe(net, feed, seed, number))
        reserve, alive = self.method.of_steps(worth, mine["reserve"], number, self.p)
        mine["reserve"], mine["shown"] = reserve[alive], mine["shown"][alive]
        net.model = with_steps(net.model, mine["shown"].tolist())

    def _hold_back(self, net: DeepNetwork) -> None:
        """Give the layers the bounds that a method keeps for its latent weights."""
        for layer in net.prunable():
            mine = self.columns[layer.name]["synapse"]
            layer.mask, layer.above, layer.below = None, mine["above"], mine["below"]
        silence_unreached(net.prunable())

    @torch.no_grad()
    def _zero_once(self, net: DeepNetwork) -> None:
        """Set the dead to 0 and let them train on, as the reference code does; who is dead is remembered here alone."""
        for layer in net.prunable():
            mine = self.columns[layer.name]
            layer.weight.masked_fill_(~layer.mask, 0.0)
            mine["masks"] = {"mask": layer.mask, "alive": layer.alive}
            layer.mask = layer.alive = None
            threshold, batches = self.traces.threshold[layer.name]
            mine["slots"] = {"threshold": threshold, "batches": torch.tensor(batches)}

    def arrays(self) -> dict:
        """Everything remembered, as nested dicts of numpy arrays."""
        return {n: {kind: {c: t.cpu().numpy().copy() for c, t in columns.items()} for kind, columns in two.items()}
                for n, two in self.columns.items()}

    def _begin(self, layer) -> dict[str, dict[str, Tensor]]:
        shape = bridge.form(layer, self.method.grain)
        return {"synapse": {n: self._start(v, layer, shape) for n, v in self.method.synapse.items()},
                "neuron": {n: self._start(v, layer, shape[:1]) for n, v in self.method.neuron.items()},
                "slots": {}, "masks": {}, "steps": {}}

    def _start(self, value, layer, shape) -> Tensor:
        if callable(value):
            return value(layer.weight.detach()).reshape(shape).clone()
        return torch.tensor(float(getattr(self.p, value) if isinstance(value, str) else value)).expand(shape)

    def _views(self, net: DeepNetwork, feed, seed: int, number: int, quotas, learned: float) -> dict[str, LayerView]:
        probe = _probe(net, feed, seed, number)
        near = mean_nearness(net, probe) if self.method.sees == "nearness" else {}
        rates = mean_rate(net, probe) if self.method.sees == "rate" else {}
        steep = mean_gradient(net, probe) if self.method.sees == "gradient" else {}
        views = {}
        for layer in net.prunable():
            heard = net.hears(layer)
            following = next(each for each in net.layers if layer in net.hears(each))
            mine = self.columns[layer.name]
            for name, mask in mine["masks"].items():
                setattr(layer, name, mask)
            synapse, neuron = dict(mine["synapse"]), dict(mine["neuron"])
            firing = _none(heard[0] if heard else layer), _none(layer)
            if self.method.sees.startswith("bcm"):
                synapse["fresh"] = _spread(self.traces.score[layer.name], bridge.form(layer, self.method.grain))
                neuron["fresh_use"] = self.traces.use[layer.name]
                if self.method.sees == "bcm":
                    chance = self.traces.by_chance(layer.name)
                    synapse["fresh_by_chance"] = _spread(chance, bridge.form(layer, self.method.grain))
                    neuron["threshold_bcm"], neuron["threshold_weight"] = self.traces.threshold[layer.name]
                neuron["samples"] = torch.full_like(neuron["fresh_use"], self.traces.samples)
                x, y = self.traces.last[layer.name]
                firing = Firing(x.sum(0), x), Firing(y.sum(0), y)
            if layer.name in near:
                neuron["nearness"] = near[layer.name]
            if layer.name in rates:
                neuron["rate"] = rates[layer.name]
            if layer.name in steep:
                gradient = steep[layer.name]
                synapse["gradient"] = gradient.flatten(2).norm(dim=2) if self.method.grain == "kernel" and (
                    gradient.ndim > 2) else gradient
            quota = {what: quotas.get(f"{layer.name}.{what}", {}).get(number) for what in ("synapses", "units")}
            each = layer.weight[0, 0].numel() if self.method.grain == "kernel" else 1
            kept = None if quota["synapses"] is None else round(quota["synapses"] / each)
            activity = Activity(*firing, float("nan"), 1.0, number + 1.0, number, kept)
            view = bridge.projection(layer, heard, self.method.grain, synapse, neuron)
            views[layer.name] = LayerView(layer.spec.kind, view, activity, quota["units"], self.full[layer.name],
                                          int(bridge.living(following).sum()), self.full_units[layer.name],
                                          learned, tuple(each.name for each in heard))
        return views

    def _put_back(self, layer, old, new) -> None:
        mine = self.columns[layer.name]
        shape = bridge.form(layer, self.method.grain)
        born = bridge.put_back(layer, self.method.grain, old, new)
        fresh = self._begin(layer)["synapse"] if bool(born.any()) else {}
        for name in mine["synapse"]:
            column = getattr(new.synapses, name).reshape(shape)
            mine["synapse"][name] = _slim(torch.where(born, fresh[name], column) if fresh else column)
        for name in mine["neuron"]:
            mine["neuron"][name] = getattr(new.target, name)


def _probe(net: DeepNetwork, feed, seed: int, number: int):
    """Batches of training images as they are, with their labels, drawn anew for each epoch."""
    rng = generator(seed, number, "probe")
    for k in range(PROBED):
        chosen = torch.from_numpy(rng.integers(0, len(feed.train), 100))
        images = feed.train.images[chosen]
        x = feed.shown(images, net.model.encoding)
        yield encoded(x, net.model, generator(seed, number, f"probe encoding {k}")), feed.train.labels[chosen]


def _slim(column: Tensor) -> Tensor:
    """The same numbers; those of a column that is the same everywhere are stored once."""
    first = column.flatten()[:1]
    return first.expand(column.shape) if column.numel() > 1 and bool((column == first).all()) else column


def _spread(score: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A number per kernel as one per weight of it."""
    return score.reshape(*score.shape, *[1] * (len(shape) - 2)).expand(shape)


def _none(layer) -> Firing:
    n = layer.weight.shape[0]
    return Firing(torch.zeros(n), torch.zeros(0, n))
