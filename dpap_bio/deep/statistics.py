"""What units did, gathered while the network runs: traces and the BCM score in training, nearness to threshold after.

The score is the formula of `rules/importance.py`, batch by batch: a product of two small matrices per layer, added in
place, so that no spike map is kept. A conv layer's score is between channels: traces are summed over the map.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from dpap_bio.deep import kernels, ranks
from dpap_bio.deep.network import DeepNetwork, Layer
from dpap_bio.rules.criticality import nearness
from dpap_bio.rules.importance import remember, sliding_threshold

ROWS = 128  # samples whose scores are added at once


class Traces:
    """Sees each training batch and adds up, for each prunable layer, score, use and threshold.

    Arguments
        net        whose layers are seen
        start      layer -> (threshold, weight), each (units,): the sliding threshold so far
        decay      float, 1   share of a trace kept per step
        power, scale          of the threshold, as in `sliding_threshold`
    Attributes
        score      layer -> (out, in)   sum over samples of y (y - theta) x
        use        layer -> (out,)      sum over samples of y
        threshold  layer -> (threshold, weight) after all samples seen
        samples    how many were seen
        last       layer -> (x, y), traces of the last batch

    y is the trace at the last step, summed over the map, over T. x is the same of what the layer receives; an analog
    image counts with its positive part, since a trace stands for firing, which is never negative.
    """

    def __init__(self, net: DeepNetwork, start: Mapping[str, tuple[Tensor, Tensor]], *, decay: float, power: float,
                 scale: float):
        self.steps, self.power, self.scale, self.samples = net.model.steps, power, scale, 0
        self.weights = decay ** torch.arange(self.steps - 1, -1, -1, dtype=torch.float32) / self.steps
        self.last, self._waiting, self._spikes = {}, {}, None
        device = net.layers[0].weight.device
        self._units = {layer.name: layer.weight.shape[0] for layer in net.prunable()}
        self._score = {layer.name: torch.zeros(layer.weight.shape[:2], device=device) for layer in net.prunable()}
        self._inputs = {name: torch.zeros(score.shape[1], device=device) for name, score in self._score.items()}
        self._use, self._factors = (torch.zeros(sum(self._units.values()), device=device) for _ in range(2))
        self._threshold = self._begin(start)

    @torch.no_grad()
    def __call__(self, layer: Layer, received: Tensor, spikes: Tensor | None, constant: bool) -> None:
        if layer.name in self._units:
            with torch.autocast(received.device.type, enabled=False):
                if layer.name == next(iter(self._units)):
                    self.last = {}
                self.last[layer.name] = self._two(layer, received, spikes, constant)
                if layer.name == next(reversed(self._units)):
                    self._learn()

    # -- what was seen, layer by layer

    @property
    def score(self) -> dict[str, Tensor]:
        """Layer -> (out, in): the sum over all samples seen so far."""
        for name in list(self._waiting):
            self._flush(name)
        return self._score

    @property
    def use(self) -> dict[str, Tensor]:
        """Layer -> (out,): the sum of y over all samples seen so far."""
        return self._by_layer(self._use)

    @property
    def threshold(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Layer -> threshold and its weight now, each (out,)."""
        threshold, weight = (self._by_layer(each) for each in self._threshold)
        return {name: (threshold[name], weight[name]) for name in self._units}

    def by_chance(self, name: str) -> Tensor:
        """What the score of a layer (out, in) would be if x and y had nothing to do with each other: the sum of
        y (y - theta) times the mean of x."""
        return torch.outer(self._by_layer(self._factors)[name], self._inputs[name] / max(1, self.samples))

    # -- traces of a layer, then the books of all layers at once

    def _two(self, layer: Layer, received: Tensor, spikes: Tensor, constant: bool) -> tuple[Tensor, Tensor]:
        """The traces x of what a layer received and y of its spikes, of all samples in the batch."""
        y = ranks.gathered(self._trace(spikes, "conv"))
        before, self._spikes = self._spikes, spikes
        if constant:
            x = self.rectified(received)
            x = (x.flatten(2).sum(2) if layer.spec.kind == "conv" else x.flatten(1)) * float(self.weights.sum())
            return ranks.gathered(x), y
        if layer.spec.kind == "conv" and received is before:  # nothing pooled in between
            return next(reversed(self.last.values()))[1], y
        return ranks.gathered(self._trace(received, layer.spec.kind)), y

    def _learn(self) -> None:
        y = torch.cat([y for _, y in self.last.values()], 1)
        factor = y * (y - self._theta(y))
        self._use += y.sum(0)
        self._factors += factor.sum(0)
        self.samples += len(y)
        for (name, part), (x, _) in zip(self._by_layer(factor).items(), self.last.values(), strict=True):
            self._inputs[name] += x.sum(0)
            waiting = self._waiting.setdefault(name, [])
            waiting.append((part, x))
            if sum(len(f) for f, _ in waiting) >= ROWS:  # a big score is read and written once for ROWS samples
                self._flush(name)

    def _flush(self, name: str) -> None:
        factors, xs = zip(*self._waiting.pop(name), strict=True)
        self._score[name].addmm_(torch.cat(factors).T, torch.cat(xs))

    def _by_layer(self, each: Tensor) -> dict[str, Tensor]:
        """Numbers (..., units of all layers), layer by layer."""
        return dict(zip(self._units, each.split(list(self._units.values()), -1), strict=True))

    def _begin(self, start: Mapping[str, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Threshold and weight of all units in a row, as `_theta` keeps them."""
        return tuple(torch.cat([start[name][k] for name in self._units]) for k in (0, 1))

    def _theta(self, y: Tensor) -> Tensor:
        """The threshold that each sample meets; then it slides on."""
        theta = sliding_threshold(y, *self._threshold, power=self.power, scale=self.scale)
        response = (self.scale * (y / self.scale) ** self.power).sum(0)
        self._threshold = remember(*self._threshold, response, len(y), kept=1.0)
        return theta

    def rectified(self, image: Tensor) -> Tensor:
        """What of an analog image counts as firing."""
        return torch.relu(image)

    def _trace(self, spikes: Tensor, kind: str) -> Tensor:
        """The trace (B, units) at the last step; maps are summed for "conv" and laid flat for "fc"."""
        spikes, summed = spikes.detach(), kind == "conv" and spikes.ndim > 2
        if kernels.fit(spikes):
            return kernels.traces(spikes, self.weights, summed).flatten(1)
        spikes = spikes.view(self.steps, -1, *spikes.shape[1:])
        by_step = spikes.flatten(3).sum(3, dtype=self.weights.dtype) if summed else spikes.flatten(2)
        return torch.tensordot(self.weights.to(by_step.device), by_step.to(self.weights.dtype), dims=1)


class SlotTraces(Traces):
    """The same as the DPAP reference code gathers it: a threshold per place in the batch, images with their sign.

    `start` is layer -> (threshold (B, units), batches seen); B is the size of every batch. Empty: nothing seen yet.
    """

    def __init__(self, net: DeepNetwork, start: Mapping[str, tuple[Tensor, float]], *, decay: float):
        super().__init__(net, start, decay=decay, power=1.0, scale=1.0)

    @property
    def threshold(self) -> dict[str, tuple[Tensor, float]]:
        """Layer -> threshold (B, out), and of how many batches it is the mean."""
        return {name: (each, self._threshold[1]) for name, each in self._by_layer(self._threshold[0]).items()}

    def rectified(self, image: Tensor) -> Tensor:
        return image

    def _begin(self, start: Mapping[str, tuple[Tensor, float]]) -> tuple[Tensor, float]:
        if not start:
            return torch.zeros(1, len(self._use)), 0.0
        return torch.cat([start[name][0] for name in self._units], 1), next(iter(start.values()))[1]

    def _theta(self, y: Tensor) -> Tensor:
        theta, n = self._threshold
        self._threshold = (theta * n + y) / (n + 1), n + 1
        return theta


def mean_nearness(net: DeepNetwork, batches) -> dict[str, Tensor]:
    """How close each unit's potential is to threshold, on average over batches, steps and its map: layer -> (out,).

    Source
        criticality-guided pruning, structured branch; averaged over the map, since the largest value of a large map
        is always near 1
    """
    return _mean(net, batches, lambda u, layer: nearness(u, layer.spec.cell.threshold, 0.0), potential=True)


def mean_rate(net: DeepNetwork, batches) -> dict[str, Tensor]:
    """Spikes of each unit per step, on average over batches, steps and its map (of ReLU cells, their output).

    Returns
        layer -> (out,) float, 1
    """
    return _mean(net, batches, lambda spikes, layer: spikes, potential=False)


def mean_gradient(net: DeepNetwork, batches) -> dict[str, Tensor]:
    """The gradient of the mean cross-entropy by every weight, as if no synapse and no unit were dead: layer -> weights.

    A dead weight is 0 and stays so; what is asked is how much the loss would fall if it were allowed to move.
    """
    layers = net.prunable()
    masks = [(layer.mask, layer.alive) for layer in layers]
    total = {layer.name: torch.zeros_like(layer.weight) for layer in layers}
    count = 0
    net.eval()
    for layer in layers:
        layer.mask = layer.alive = None
    for x, labels in batches:
        loss = F.cross_entropy(net(x), labels)
        for layer, found in zip(layers, torch.autograd.grad(loss, [x.weight for x in layers]), strict=True):
            total[layer.name] += found
        count += 1
    for layer, (mask, alive) in zip(layers, masks, strict=True):
        layer.mask, layer.alive = mask, alive
    return {name: value / max(1, count) for name, value in total.items()}


@torch.no_grad()
def _mean(net: DeepNetwork, batches, value, *, potential: bool) -> dict[str, Tensor]:
    """value(what a layer fired or its potentials, layer), averaged over all but the units: layer -> (out,)."""
    total: dict[str, Tensor] = {}
    count = 0
    net.eval()

    def see(layer, received, shown, constant):
        if shown is not None:
            found = value(shown, layer)
            found = found.reshape(*found.shape[:2], -1).mean((0, 2))
            total[layer.name] = total.get(layer.name, 0) + found

    for x, _ in batches:
        net(x, see, potential)
        count += 1
    return {name: each / max(1, count) for name, each in total.items()}
