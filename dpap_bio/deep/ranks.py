"""Several processes that train one network: each takes its share of every batch, and all decide the same.

Batches are dealt out in order, so that all shares together are the batch of a single process. Norms see the whole
batch, gradients are averaged, and the traces of all samples are gathered: every process keeps the same books and prunes
the same. In a single process nothing here does anything. `launch.py` is what the processes run.
"""

from __future__ import annotations

import hashlib

import torch
import torch.distributed as dist
from torch import Tensor, nn

from dpap_bio.kinds import Unhealthy


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The number of this one; 0 writes what is written."""
    return dist.get_rank() if world() > 1 else 0


def share(x: Tensor, steps: int = 1) -> Tensor:
    """This process' part of a batch (B, ...), or of one laid out by steps, (T * B, ...).

    Raises
        ValueError   the batch cannot be shared equally
    """
    if world() == 1:
        return x
    batch = len(x) // steps
    if batch % world():
        raise ValueError(f"training.batch: found {batch} samples in a batch, which {world()} processes cannot share "
                         "equally")
    each = batch // world()
    mine = x.view(steps, batch, *x.shape[1:])[:, rank() * each : (rank() + 1) * each]
    return mine.flatten(0, 1)


def gathered(x: Tensor) -> Tensor:
    """What all processes have, (B / n, ...) each, in the order of the batch: (B, ...). No gradient."""
    if world() == 1:
        return x
    parts = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(world())]
    dist.all_gather(parts, x.detach().contiguous())
    return torch.cat(parts)


def total(x: Tensor) -> Tensor:
    """The sum over all processes; its gradient is the sum of theirs."""
    return x if world() == 1 else _Total.apply(x)


def average_gradients(net: nn.Module) -> None:
    """Put the mean over all processes in place of every gradient."""
    if world() == 1:
        return
    for parameter in net.parameters():
        dist.all_reduce(parameter.grad)
        parameter.grad /= world()


def check_same(net: nn.Module, when: str) -> None:
    """All processes have the same network, masks included, bit for bit.

    Raises
        Unhealthy   they have not
    """
    if world() == 1:
        return
    digest = hashlib.sha256()
    for value in [*net.parameters(), *net.buffers()]:
        digest.update(value.detach().cpu().numpy().tobytes())
    found = [None] * world()
    dist.all_gather_object(found, digest.hexdigest())
    if len(set(found)) > 1:
        raise Unhealthy(f"the processes have different networks {when}: are their machines and versions the same?")


def told(value):
    """What process 0 has, in all of them."""
    if world() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box)
    return box[0]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x = x.detach().clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        grad = grad.clone()
        dist.all_reduce(grad)
        return grad
