"""Surrogate gradients: what stands for the derivative of the spike, as a function of x = u - threshold."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def atan(x: Tensor, width: float) -> Tensor:
    """(a / 2) / (1 + (pi a x / 2)^2): long tails, so that silent units learn too.

    Source
        DPAP reference code, convolutional cells (a = 2, there trainable; here fixed)
    """
    return (x * (math.pi * width / 2)).square_().add_(1).reciprocal_().mul_(width / 2)


def quadratic_gate(x: Tensor, width: float) -> Tensor:
    """max(0, a - a^2 |x|): a triangle of area 1 over |x| <= 1 / a.

    Source
        DPAP reference code, fully connected cells (a = 2)
    """
    return x.abs().mul_(-(width**2)).add_(width).clamp_(min=0)


def sigmoid(x: Tensor, width: float) -> Tensor:
    """a p (1 - p), p = 1 / (1 + exp(-a x))."""
    p = torch.sigmoid(x * width)
    return p.mul_(1 - p).mul_(width)


def dspike(x: Tensor, width: float) -> Tensor:
    """k / (2 tanh(k / 2) cosh^2(k x)) for |x| <= 1/2, else 0: the slope of a clamped soft step.

    Source
        criticality-guided pruning, unstructured reference code (k = 3, threshold 1/2)
    """
    slope = torch.cosh((x * width).clamp_(-40, 40)).square_().reciprocal_().mul_(width / (2 * math.tanh(width / 2)))
    return slope.mul_(x.abs() <= 0.5)


SURROGATES = {"atan": atan, "quadratic_gate": quadratic_gate, "sigmoid": sigmoid, "dspike": dspike}
