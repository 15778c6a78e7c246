"""AdamW over the layers of a deep network, moments within reach: the dead have none, a cut network keeps its own."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


def _bare(method):
    return getattr(method, "__wrapped__", method)


class AdamW(torch.optim.AdamW):
    """PyTorch's own, without what it wraps around these for `torch.compile`: the first call of any would load the
    compiler, 70 MB and a second in every process. No gradient is recorded either way."""

    add_param_group = _bare(torch.optim.AdamW.add_param_group)
    zero_grad = _bare(torch.optim.AdamW.zero_grad)
    step = torch.no_grad()(_bare(torch.optim.AdamW.step))


def adamw(net: nn.Module, *, lr: float, weight_decay: float, moments: Mapping[str, tuple[Tensor, Tensor]] | None = None,
          steps: int = 0) -> AdamW:
    """A fused AdamW; weights decay, norms, biases and membrane constants do not.

    Arguments
        moments  parameter name -> (first, second) moment to go on from
        steps    how many steps those moments have seen
    Source
        Loshchilov & Hutter; decay on weights alone as in timm, which the DPAP reference code uses
    """
    named = dict(net.named_parameters())
    decays = [p for p in named.values() if p.ndim > 1]
    rest = [p for p in named.values() if p.ndim <= 1]
    groups = [{"params": decays, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]
    made = AdamW(groups, lr=lr, fused=True)
    for name, (first, second) in (moments or {}).items():
        made.state[named[name]] = {"step": torch.tensor(float(steps)), "exp_avg": first, "exp_avg_sq": second}
    return made


def moments(net: nn.Module, optimiser: torch.optim.AdamW) -> dict[str, tuple[Tensor, Tensor]]:
    """Parameter name -> its two moments; empty before the first step."""
    found = {}
    for name, parameter in net.named_parameters():
        state = optimiser.state.get(parameter)
        if state:
            found[name] = state["exp_avg"], state["exp_avg_sq"]
    return found


def steps_taken(net: nn.Module, optimiser: torch.optim.AdamW) -> int:
    """How many steps the moments have seen."""
    return max((int(s["step"]) for p in net.parameters() if (s := optimiser.state.get(p))), default=0)


def learning_rate(epoch: float, *, epochs: int, schedule: str, lr: float, lr_start: float, lr_end: float,
                  warm_up: float) -> float:
    """The learning rate at a (fractional) epoch: linear from lr_start to lr over warm_up epochs, then half a cosine.

    Source
        the schedule of timm that the DPAP reference code uses, here by step instead of by epoch
    """
    if epoch < warm_up:
        return lr_start + (lr - lr_start) * epoch / warm_up
    if schedule == "constant":
        return lr
    return lr_end + (lr - lr_end) * (1 + math.cos(math.pi * min(1.0, epoch / epochs))) / 2


def as_arrays(net: nn.Module, optimiser: torch.optim.AdamW) -> dict:
    """The moments as nested dicts of numpy arrays, for a checkpoint."""
    now = moments(net, optimiser)
    found = {n: {"first": a.numpy().copy(), "second": b.numpy().copy()} for n, (a, b) in now.items()}
    return {"steps": steps_taken(net, optimiser), "moments": found}


def from_arrays(state: Mapping) -> tuple[dict[str, tuple[Tensor, Tensor]], int]:
    """Moments and steps of `as_arrays`, for `adamw`."""
    def tensor(a):
        return torch.from_numpy(np.array(a))

    return {n: (tensor(m["first"]), tensor(m["second"])) for n, m in state["moments"].items()}, int(state["steps"])
