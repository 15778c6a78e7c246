"""Batch norm and cells of a layer as one step of autograd, by the compiled kernels: only what came in is kept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from dpap_bio.deep import kernels, ranks
from dpap_bio.deep.cellspec import CellSpec
from dpap_bio.deep.norm import EPS, slide


@dataclass(frozen=True)
class Norm:
    """A batch norm before the cells: by channel, running `mean` and `variance` (in training they slide on in place),
    and which units are `alive` (None: all); the dead receive nothing."""

    mean: Tensor
    variance: Tensor
    alive: Tensor | None
    training: bool


def fired(x: Tensor, share: Tensor | None, spec: CellSpec, steps: int, constant: bool, gain: Tensor | None = None,
          shift: Tensor | None = None, norm: Norm | None = None) -> Tensor:
    """Spikes (T * B, ...) of currents x (T * B, ...), or (B, ...) if constant, after the norm if there is one.

    Arguments
        share         of the way to x that v goes in a step, where it is learned; None: 1 / tau
        gain, shift   (channels,), with `norm`
    """
    return _Fired.apply(x, share, gain, shift, norm, spec, steps, constant)


class _Fired(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, share, gain, shift, norm, spec, steps, constant):
        x, a = kernels.last(x), 1 / spec.tau if share is None else float(share)
        mean = inverse = scale = offset = None
        if norm is not None:
            mean, inverse = _moments(x, norm, gain.dtype)
            scale = gain * inverse if norm.alive is None else gain * inverse * norm.alive
            offset = shift - mean * scale if norm.alive is None else (shift - mean * scale) * norm.alive
        ctx.save_for_backward(x, mean, inverse, scale, offset)
        ctx.a, ctx.norm, ctx.of = a, norm, (spec, steps, constant)
        ctx.learned = share is not None
        return kernels.fire(x, scale, offset, a, spec, steps, constant)

    @staticmethod
    def backward(ctx, grad):
        x, mean, inverse, scale, offset = ctx.saved_tensors
        out, total, weighted, learned = kernels.learn(x, scale, offset, grad.to(x.dtype), ctx.a, *ctx.of)
        slope = torch.tensor(learned, dtype=torch.float32 if scale is None else scale.dtype) if ctx.learned else None
        if ctx.norm is None:
            return out, slope, None, None, None, None, None, None
        sums = torch.stack([inverse * (weighted - mean * total), total])  # by gain and shift
        if ctx.norm.alive is not None:
            sums = sums * ctx.norm.alive
        by_gain, total = sums
        of_x = of_1 = torch.zeros_like(scale)
        if ctx.norm.training:
            n = ranks.world() * x.numel() // x.shape[1]
            of_all = ranks.total(sums)
            of_x = -scale * inverse * of_all[0] / n
            of_1 = -scale * of_all[1] / n - of_x * mean
        kernels.through_norm(x, out, scale, of_x, of_1)
        return out, slope, by_gain.to(scale.dtype), total.to(scale.dtype), None, None, None, None


def _moments(x: Tensor, norm: Norm, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean and 1 / spread that the norm uses, by channel; in training those of x, and the running ones slide on."""
    if not norm.training:
        return norm.mean, torch.rsqrt(norm.variance + EPS)
    n = ranks.world() * x.numel() // x.shape[1]
    mean, square = ranks.total(kernels.moments(x)) / n
    variance = (square - mean**2).clamp_(min=0)
    slide(norm.mean, norm.variance, mean, variance, n)
    return mean.to(dtype), torch.rsqrt(variance + EPS).to(dtype)
