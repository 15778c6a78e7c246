"""A deep network from a model: layers of weights, norm, cells and pooling; what is dead is zero and stays zero.

All T steps go through a layer at once, as T * B samples. What is the same in every step (an image under direct
encoding) is computed once and held by the first cells. The read-out is the mean over the steps: of the spikes of the
last layer, or of its currents, which are then computed from the mean spikes, once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dpap_bio.deep import fused, kernels
from dpap_bio.deep.cells import Cell
from dpap_bio.deep.convolution import convolved
from dpap_bio.deep.latent import held_back
from dpap_bio.deep.model import DeepModel, LayerSpec
from dpap_bio.deep.norm import normed
from dpap_bio.deep.pool import max_pool
from dpap_bio.newborn import generator


class Layer(nn.Module):
    """One layer: weights (out, in) or (out, in, k, k), batch norm or bias, cells, pooling.

    mask     (weights' shape) bool, or None   False is a dead synapse; None: all alive
    alive    (out,) bool, or None             False is a dead unit: no norm, no bias, no spikes
    above, below  (weights' shape) float, or None   set: `weight` is latent, as in `latent.held_back`
    unit_id  (out,) int64                     which unit of the full network each one is; lasts for life
    """

    def __init__(self, spec: LayerSpec, n_in: int):
        super().__init__()
        self.spec = spec
        form = (spec.units, n_in) if spec.kind == "fc" else (spec.units, n_in, spec.kernel, spec.kernel)
        self.weight = nn.Parameter(torch.zeros(form))
        self.shift = nn.Parameter(torch.zeros(spec.units))
        if spec.norm:
            self.gain = nn.Parameter(torch.ones(spec.units))
            self.register_buffer("mean", torch.zeros(spec.units))
            self.register_buffer("variance", torch.ones(spec.units))
        self.cell = Cell(spec.cell)
        self.register_buffer("unit_id", torch.arange(spec.units))
        self.register_buffer("mask", None)
        self.register_buffer("alive", None)
        self.register_buffer("above", None)
        self.register_buffer("below", None)

    @property
    def name(self) -> str:
        return self.spec.name

    def effective(self) -> Tensor:
        """The weights that currents are made with."""
        weight = self.weight if self.above is None else held_back(self.weight, self.above, self.below)
        return weight if self.mask is None else weight * self.mask

    def weighed(self, x: Tensor) -> Tensor:
        """What the weights, and the bias if there is no norm, make of what the layer receives (n, in, ...)."""
        bias = None if self.spec.norm else self.shift
        if self.spec.kind == "fc":
            return F.linear(x.flatten(1), self.effective(), bias)
        return convolved(x, self.effective(), bias, self.spec.padding, self.spec.stride)

    def current(self, x: Tensor) -> Tensor:
        """Input currents of the cells (n, out, ...) from what the layer receives (n, in, ...)."""
        return self._normed(self.weighed(x))

    def fire(self, x: Tensor, steps: int, constant: bool, potential: bool = False, added: Tensor | None = None):
        """What `Cell` gives for the currents of x, and those `added`; where the kernels fit, norm and cells in one."""
        x = self.weighed(x)
        before = self.spec.norm and self.spec.pool_of == "spikes" and added is None
        if before and not potential and kernels.fit(x, self.spec.cell):
            norm = fused.Norm(self.mean, self.variance, self.alive, self.training)
            return fused.fired(x, self.cell.share(), self.spec.cell, steps, constant, self.gain, self.shift, norm)
        return self.cell(self._normed(x, added), steps, constant, potential)

    def _normed(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        if self.spec.norm:
            x = normed(x, self.mean, self.variance, self.gain, self.shift, self.training)
        if added is not None:
            x = x + added
        if self.alive is not None:  # after the norm: a dead unit must not live on its shift, nor on a shortcut
            x = x * self.alive.view(-1, *[1] * (x.ndim - 2))
        return self.pooled(x) if self.spec.pool_of == "current" else x

    def pooled(self, x: Tensor) -> Tensor:
        """The maps after pooling."""
        if self.spec.pool == 1:
            return x
        if self.spec.pool_by == "mean":
            return F.avg_pool2d(x, self.spec.pool)
        if self.spec.pool != 2:
            return F.max_pool2d(x, self.spec.pool)
        return max_pool(x)


class DeepNetwork(nn.Module):
    """The layers of a deep model, in the order of its file."""

    def __init__(self, model: DeepModel):
        super().__init__()
        self.model = model
        self.layers = nn.ModuleList(Layer(spec, spec.shape[0] if spec.kind == "conv" else math.prod(spec.shape))
                                    for spec in model.layers)
        last = {name: k for k, spec in enumerate(model.layers) for name in (spec.receives, spec.adds)}
        self._done = [[name for name in last if name and last[name] == k] for k in range(len(model.layers))]

    def forward(self, x: Tensor, see: Callable | None = None, potential: bool = False) -> Tensor:
        """Read-out (B, classes) of images (B, C, H, W), or of frames (T * B, C, H, W) where the encoding says so.

        Arguments
            x    float              what the first layer receives: analog, spikes or counts
            see  f(layer, received, fired, constant), called for each layer: what it received (after the pooling
                 before it) and its spikes (before pooling), (T * B, ...) or received (B, ...) if constant; a read-out
                 of currents fires None
            potential  bool          `see` is given the membrane potentials before reset instead of the spikes
        """
        steps, given = self.model.steps, {None: kernels.last(x)}
        for k, layer in enumerate(self.layers):
            spec, x = layer.spec, given[layer.spec.receives]
            constant = spec.receives is None and self.model.encoding == "direct"
            if spec.cell.kind == "current":
                if see is not None:
                    see(layer, x, None, constant)
                return layer.current(_mean(x, steps) if steps > 1 and not constant else x)
            added = given[spec.adds] if spec.adds else None
            fired = layer.fire(x, steps, constant, potential, added if spec.adds_to == "current" else None)
            fired, shown = fired if potential else (fired, fired)
            if see is not None:
                see(layer, x, None if spec.cell.kind == "pass" else shown, constant)
            fired = fired + added if spec.adds and spec.adds_to == "spikes" else fired
            given[layer.name] = layer.pooled(fired) if spec.pool_of == "spikes" else fired
            for name in self._done[k]:
                del given[name]
        return _mean(given[layer.name], steps)

    def layer(self, name: str) -> Layer:
        """The layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    def sums(self, name: str | None) -> list[Layer]:
        """The layers whose spikes are in what a layer gives: its own, and those added to them."""
        if name is None:
            return []
        layer = self.layer(name)
        return [layer, *(self.sums(layer.spec.adds) if layer.spec.adds_to == "spikes" else [])]

    def hears(self, layer: Layer) -> list[Layer]:
        """The layers whose spikes a layer receives; none: the image."""
        return self.sums(layer.spec.receives)

    def prunable(self) -> list[Layer]:
        """All layers but the classifier, and shortcuts, whose units are those of the cells they reach."""
        return [layer for layer in list(self.layers)[:-1] if layer.spec.cell.kind != "pass"]

    @torch.no_grad()
    def grow(self, seed: int) -> DeepNetwork:
        """Give every layer its start weights: uniform within 1 / sqrt(fan-in), biases alike, norm at rest."""
        for layer in self.layers:
            rng = generator(seed, -1, f"weights.{layer.name}")
            bound = 1 / math.sqrt(layer.weight[0].numel())
            layer.weight.copy_(torch.from_numpy(rng.uniform(-bound, bound, layer.weight.shape).astype(np.float32)))
            if not layer.spec.norm:
                layer.shift.copy_(torch.from_numpy(rng.uniform(-bound, bound, layer.shift.shape).astype(np.float32)))
        return self


def _mean(x: Tensor, steps: int) -> Tensor:
    """Over the steps, of spikes (T * B, ...); no rate is rounded to bfloat16."""
    wide = torch.float32 if x.dtype == torch.bfloat16 else x.dtype
    return x.view(steps, -1, *x.shape[1:]).mean(0, dtype=wide)


def encoded(images: Tensor, model: DeepModel, rng: np.random.Generator | None = None) -> Tensor:
    """What the first layer receives.

    Arguments
        images  (B, C, H, W) float, or (B, T, C, H, W) for frames     normalised; for rate encoding in [0, 1]
        rng     for rate encoding: each pixel fires in each step with its intensity as chance
    Returns
        (B, C, H, W) under direct encoding, else (T * B, C, H, W)
    """
    if model.encoding == "direct":
        return images
    if model.encoding == "frames":
        images = images if model.shown is None else images[:, list(model.shown)]
        return images.transpose(0, 1).flatten(0, 1)
    chance = torch.from_numpy(rng.random((model.steps, *images.shape), dtype=np.float32)).to(images.device)
    return (chance < images).to(images.dtype).flatten(0, 1)
