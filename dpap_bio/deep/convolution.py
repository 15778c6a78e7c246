"""A convolution that is driven by spikes where few enough are there, and dense where not; the same numbers to rounding.

Which way is taken depends on the batch alone, in both directions, so that a training still repeats bit for bit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dpap_bio.deep import kernels


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, stride: int = 1) -> Tensor:
    """The maps (n, out, height, width) of x (n, in, height, width) under weights (out, in, k, k)."""
    if stride != 1 or not _driven(x, weight, padding):
        return F.conv2d(x, weight, bias, padding=padding, stride=stride)
    out = _Driven.apply(x, weight, padding)
    return out if bias is None else out + bias.view(-1, 1, 1)


def _driven(x: Tensor, weight: Tensor, padding: int) -> bool:
    return (x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu") and padding < weight.shape[2]
            and kernels.fit(x) and kernels.few_events(kernels.last(x), weight.shape[0]))


class _Driven(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, padding):
        x = kernels.last(x)
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return kernels.conv_events(x, weight, padding)

    @staticmethod
    def backward(ctx, grad):
        x, weight = ctx.saved_tensors
        grad = kernels.last(grad)
        by_x = by_weight = None
        if ctx.needs_input_grad[0]:
            by_x = _through(x, weight, grad, ctx.padding)
        if ctx.needs_input_grad[1]:
            by_weight = kernels.conv_events_learn(x, grad, weight, ctx.padding)
        return by_x, by_weight, None


def _through(x: Tensor, weight: Tensor, grad: Tensor, padding: int) -> Tensor:
    """The gradient by x: under a maximum pooling much of what comes back is zero too."""
    if kernels.few_events(grad, x.shape[1]):
        return kernels.conv_events(grad, weight.flip(2, 3).transpose(0, 1), weight.shape[2] - 1 - padding)
    one = [1, 1]
    return torch.ops.aten.convolution_backward(grad, x, weight, None, one, [padding, padding], one, False, [0, 0], 1,
                                               [True, False, False])[0]
