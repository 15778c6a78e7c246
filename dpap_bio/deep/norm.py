"""Batch norm of a layer's currents: PyTorch's, and where several processes share a batch, over all of it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dpap_bio.deep import ranks

EPS, MOMENTUM = 1e-5, 0.1  # PyTorch's and the DPAP reference code's own


def normed(x: Tensor, mean: Tensor, variance: Tensor, gain: Tensor, shift: Tensor, training: bool) -> Tensor:
    """x (n, channels, ...) at mean 0 and spread 1 by channel, times gain plus shift.

    In training mean and variance are those of x, and the running ones slide on in place.
    """
    if not training or ranks.world() == 1:
        return F.batch_norm(x, mean, variance, gain, shift, training, MOMENTUM, EPS)
    wide = x.float().flatten(2) if x.ndim > 2 else x.float()
    n = ranks.world() * wide.numel() // wide.shape[1]
    others = [0, *range(2, wide.ndim)]
    now, square = ranks.total(torch.stack([wide.sum(others), (wide * wide).sum(others)])) / n
    spread = (square - now**2).clamp(min=0)
    slide(mean, variance, now.detach(), spread.detach(), n)
    form = (1, -1, *[1] * (x.ndim - 2))
    scale = gain * torch.rsqrt(spread + EPS)
    return x * scale.view(form) + (shift - now * scale).view(form)


def slide(mean: Tensor, variance: Tensor, now: Tensor, spread: Tensor, n: int) -> None:
    """Move the running mean and variance towards those of a batch of n numbers."""
    mean.lerp_(now.to(mean.dtype), MOMENTUM)
    variance.lerp_((spread * n / max(1, n - 1)).to(variance.dtype), MOMENTUM)
