"""Two by two maximum pooling by comparing slices: several times faster on a CPU than the library's own."""

from __future__ import annotations

import torch
from torch import Tensor

from dpap_bio.deep import kernels


def max_pool(x: Tensor) -> Tensor:
    """The largest of each two by two pixels, (..., H, W) -> (..., H // 2, W // 2).

    Of equals the left learns, then the upper.
    """
    return (_KernelPool if x.ndim == 4 and kernels.fit(x) else _Pool).apply(x)


class _KernelPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = kernels.last(x)
        ctx.save_for_backward(x)
        return kernels.pool(x)

    @staticmethod
    def backward(ctx, grad):
        return kernels.unpool(ctx.saved_tensors[0], grad)


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        h, w = x.shape[-2] // 2 * 2, x.shape[-1] // 2 * 2
        above, below = x[..., :h:2, :w], x[..., 1:h:2, :w]
        upper = above >= below
        rows = torch.maximum(above, below)
        left, right = rows[..., ::2], rows[..., 1::2]
        ctx.save_for_backward(upper, left >= right)
        ctx.form = x.shape
        return torch.maximum(left, right)

    @staticmethod
    def backward(ctx, grad):
        upper, lefter = ctx.saved_tensors
        h, w = ctx.form[-2] // 2 * 2, ctx.form[-1] // 2 * 2
        rows = torch.empty(upper.shape, dtype=grad.dtype, device=grad.device)
        torch.mul(grad, lefter, out=rows[..., ::2])
        torch.mul(grad, ~lefter, out=rows[..., 1::2])
        whole = (h, w) == ctx.form[-2:]
        out = (torch.empty if whole else torch.zeros)(ctx.form, dtype=grad.dtype, device=grad.device)
        torch.mul(rows, upper, out=out[..., :h:2, :w])
        torch.mul(rows, ~upper, out=out[..., 1:h:2, :w])
        return out
