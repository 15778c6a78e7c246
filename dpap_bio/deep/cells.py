"""Spiking cells over T steps: one membrane equation, forward and backward written out, no graph over time.

u(t) = v(t-1) + share (x(t) - v(t-1)),  s(t) = [u(t) > threshold],  v(t) = u(t) (1 - s(t))  or  u(t) - threshold s(t)

The reset does not pass gradients. `share` is 1 / tau of an LIF cell and sigmoid(w) of a PLIF cell, which learns it. It
is the exact solution of dv/dt = (x - v) / tau_m over one step when exp(-dt / tau_m) = 1 - share; for share 1/2 that is
tau_m = dt / ln 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dpap_bio.deep import fused, kernels
from dpap_bio.deep.cellspec import CellSpec
from dpap_bio.deep.surrogates import SURROGATES


def lif_step(v: Tensor, x: Tensor, *, share: float, threshold: float, reset: str = "hard") -> tuple[Tensor, ...]:
    """One step of the membrane equation.

    Arguments
        v, x       (...) float    potential after the last step, input of this one
        share      float, 1       of the way to x that v goes in a step
        threshold  float
        reset      str            "hard" or "soft"
    Returns
        u, s, v    (...) float    potential before reset, spike (0 or 1), potential after reset
    """
    u = v + share * (x - v)
    s = (u > threshold).to(u.dtype)
    return u, s, u * (1 - s) if reset == "hard" else u - threshold * s


class Cell(nn.Module):
    """The cells of one layer: input currents of all steps -> spikes of all steps.

    A PLIF layer has one learned number `w`, share = sigmoid(w), which starts at -ln(tau - 1).
    """

    def __init__(self, spec: CellSpec):
        super().__init__()
        self.spec = spec
        if spec.kind == "plif":
            self.w = nn.Parameter(torch.tensor(-math.log(spec.tau - 1)))

    def share(self) -> Tensor | None:
        """What share a PLIF cell has learned."""
        return torch.sigmoid(self.w) if self.spec.kind == "plif" else None

    def forward(self, x: Tensor, steps: int, constant: bool, potential: bool = False):
        """Spikes (T * B, ...) of currents (T * B, ...), or of one current (B, ...) held for all steps if `constant`.

        With `potential` the membrane potential before reset comes along, in the same shape and without gradient.
        """
        if self.spec.kind in ("relu", "pass"):
            given = torch.relu(x) if self.spec.kind == "relu" else x
            return (given, x.detach()) if potential else given
        share = self.share()
        if not potential and kernels.fit(x, self.spec):
            return fused.fired(x, share, self.spec, steps, constant)
        inputs = x if constant else x.view(steps, -1, *x.shape[1:])
        s, u = _Membrane.apply(inputs, share, self.spec, steps, constant)
        s = s.flatten(0, 1)
        return (s, u.flatten(0, 1)) if potential else s


class _Membrane(torch.autograd.Function):
    """The loop over T, forward and backward, where the kernels do not fit; keeps u and s, nothing else."""

    @staticmethod
    def forward(ctx, x, share, spec, steps, constant):
        a = 1 / spec.tau if share is None else float(share)
        form = x if constant else x[0]
        u = torch.empty((steps, *form.shape), dtype=x.dtype, device=x.device)
        if form.ndim == 4 and form.is_contiguous(memory_format=torch.channels_last):
            u = _channels_last(u)
        s = torch.empty_like(u)
        v = None
        for t in range(steps):
            now = x if constant else x[t]
            if v is None:
                torch.mul(now, a, out=u[t])
            else:
                torch.add(v, now.sub(v), alpha=a, out=u[t])
            torch.gt(u[t], spec.threshold, out=s[t])
            if t + 1 < steps:
                if spec.reset == "hard":
                    v = torch.addcmul(u[t], u[t], s[t], value=-1)
                else:
                    v = torch.sub(u[t], s[t], alpha=spec.threshold)
        ctx.save_for_backward(u, s)
        ctx.a, ctx.spec, ctx.steps, ctx.constant, ctx.learned = a, spec, steps, constant, share is not None
        ctx.mark_non_differentiable(u)
        return s, u

    @staticmethod
    def backward(ctx, grad, _):
        u, s = ctx.saved_tensors
        spec, a = ctx.spec, ctx.a
        derivative, hard = SURROGATES[spec.surrogate], spec.reset == "hard"
        out = None if ctx.constant else torch.empty_like(u)
        later, learned = None, 0.0
        for t in range(ctx.steps - 1, -1, -1):
            now = derivative(u[t] - spec.threshold, spec.width).mul_(grad[t])
            if later is not None:
                now = now.addcmul_(later, 1 - s[t]) if hard else now.add_(later)
            if ctx.learned:
                learned = learned + (now * _towards(u, s, t, spec)).sum() / a
            later = now * (1 - a)
            now.mul_(a)
            if out is None:
                out = now
            elif ctx.constant:
                out.add_(now)
            else:
                out[t] = now
        slope = torch.as_tensor(learned, dtype=u.dtype) if ctx.learned else None
        return out, slope, None, None, None


def _towards(u, s, t, spec):
    """u(t) - v(t-1), which is share (x(t) - v(t-1))."""
    if t == 0:
        return u[0]
    before = u[t - 1] * (1 - s[t - 1]) if spec.reset == "hard" else u[t - 1] - spec.threshold * s[t - 1]
    return u[t] - before


def _channels_last(u):
    return u.flatten(0, 1).contiguous(memory_format=torch.channels_last).view(u.shape)
