"""The compiled kernels (`*.cpp` beside): made once with the C++ compiler, called with tensors; absent without one.

What they compute is what `cells.py`, `pool.py` and PyTorch compute, in fewer passes over memory. They take
tensors on the CPU, channels last; whoever calls asks `fit` first and has a plain way where it says no.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from dpap_bio import _standalone_library as compiling
from dpap_bio.atomic import atomic_path
from dpap_bio.deep.cellspec import CellSpec

FLAGS = ("-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fPIC",
         "-shared", "-w", "-fopenmp")
SOURCES = ("cells.cpp", "pool.cpp", "events.cpp")
SURROGATES = {"atan": 0, "quadratic_gate": 1}  # the others take exponentials and stay in PyTorch
LANES, BLOCK = 32, 64  # L of cells.cpp, B of events.cpp
SMALL = 1 << 14  # numbers: for fewer PyTorch is as fast
FEW = 0.3  # of the numbers are not zero: below, a convolution by events is faster (measured: up to about 0.4)
TYPES = {torch.float32: ("float32", torch.float32), torch.float64: ("float64", torch.float64),
         torch.bfloat16: ("bfloat16", torch.float32)}


class _Cell(ctypes.Structure):
    _fields_ = [*((n, ctypes.c_double) for n in ("share", "threshold", "width")),
                *((n, ctypes.c_int64) for n in ("soft", "surrogate", "steps", "m", "period", "constant", "threads"))]


class _Conv(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("n", "height", "width", "n_in", "n_out", "kernel", "padding", "threads")]


class _Map(ctypes.Structure):
    _fields_ = [(n, ctypes.c_int64) for n in ("n", "height", "width", "channels", "threads")]


def fit(x: Tensor, spec: CellSpec | None = None) -> bool:
    """Can the kernels take this tensor, and cells of this kind, and is it worth the call?"""
    known = spec is None or (spec.kind in ("lif", "plif") and spec.surrogate in SURROGATES)
    return known and x.numel() >= SMALL and x.device.type == "cpu" and x.dtype in TYPES and library() is not None


def last(x: Tensor) -> Tensor:
    """The same numbers with the channels last in memory: (n, channels, height, width) or (n, units)."""
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x.contiguous()


def fire(x: Tensor, scale: Tensor | None, offset: Tensor | None, share: float, spec: CellSpec, steps: int,
         constant: bool) -> Tensor:
    """Spikes (T * B, ...) of currents x (T * B, ...), or (B, ...) if constant, times scale plus offset by channel."""
    x = last(x)
    spikes = last(torch.empty((steps * len(x) if constant else len(x), *x.shape[1:]), dtype=x.dtype,
                              memory_format=_format(x)))
    cell = _cell(x, share, spec, steps, constant)
    _call("fire", x, cell, x, *_tables(cell.period, x, scale, offset), spikes)
    return spikes


def learn(x: Tensor, scale: Tensor | None, offset: Tensor | None, grad: Tensor, share: float, spec: CellSpec,
          steps: int, constant: bool) -> tuple[Tensor, Tensor, Tensor, float]:
    """The gradient by x times scale plus offset, its sum by channel, that of its product with x, and that by the share.

    Arguments
        as `fire`; grad  (T * B, ...)   of the spikes
    Returns
        like x; (channels,) double; (channels,) double; float
    """
    x, grad = last(x), last(grad)
    out, cell = torch.empty_like(x), _cell(x, share, spec, steps, constant)
    sums = torch.zeros(2 * cell.period + 1, dtype=torch.double)
    _call("learn", x, cell, x, *_tables(cell.period, x, scale, offset), grad, out, sums)
    first, second = _folded(sums, cell.period, x.shape[1])
    return out, first, second, float(sums[-1] / share)  # not a number, as in PyTorch, where the share has become 0


def moments(x: Tensor) -> Tensor:
    """The sums of x and of its square by channel, (2, channels), in double precision."""
    x = last(x)
    period = _period(x)
    sums = torch.zeros(2 * period + 1, dtype=torch.double)
    _call("moments", x, x, x.numel(), period, torch.get_num_threads(), sums)
    return _folded(sums, period, x.shape[1])


def through_norm(x: Tensor, grad: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """a grad + b x + c by channel, in place of grad."""
    period = _period(x)
    _call("through_norm", x, last(x), grad, *_tables(period, x, a, b, c), x.numel(), period, torch.get_num_threads())
    return grad


def traces(x: Tensor, weight: Tensor, summed: bool) -> Tensor:
    """The sum over the steps of x (T * B, ...) times the weights (T,) of the steps: (B, ...), float32 or double.

    Arguments
        summed   over the pixels of maps too: (B, channels)
    """
    x = last(x)
    units, pixels = (x.shape[1], x.shape[2:].numel()) if summed else (x[0].numel(), 1)
    shape = (len(x) // len(weight), *(x.shape[1:2] if summed else x.shape[1:]))
    out = torch.empty(shape, dtype=TYPES[x.dtype][1], memory_format=_format(x) if len(shape) == 4 else
                      torch.contiguous_format)
    _call("traces", x, x, weight.to(out.dtype), len(weight), shape[0], pixels, units, torch.get_num_threads(), out)
    return out


def pool(x: Tensor) -> Tensor:
    """The largest of each two by two pixels of x, (n, channels, height, width)."""
    x = last(x)
    out = torch.empty((*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2), dtype=x.dtype,
                      memory_format=torch.channels_last)
    _call("pool", x, _map(x), x, out)
    return out


def unpool(x: Tensor, grad: Tensor) -> Tensor:
    """The gradient by x of `pool`: of equals the left, then the upper has it."""
    even = x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
    out = (torch.empty_like if even else torch.zeros_like)(x)
    _call("unpool", x, _map(x), x, last(grad), out)
    return out


def few_events(x: Tensor, n_out: int) -> bool:
    """Is so little of x, (n, channels, height, width) float32, not zero that a convolution driven by it is faster?"""
    most = FEW * x.numel() * n_out / (math.ceil(n_out / BLOCK) * BLOCK)
    count = library().count_events
    count.restype = ctypes.c_int64
    return count(*(_passed(given) for given in (x, x.numel(), torch.get_num_threads()))) < most


def conv_events(x: Tensor, weight: Tensor, padding: int) -> Tensor:
    """The convolution of x (n, in, height, width) float32 with weights (out, in, k, k), by what of x is not 0."""
    form, weight = _conv(x, weight, padding), weight.contiguous()
    high, wide = (n + 2 * padding - weight.shape[2] + 1 for n in x.shape[2:])
    out = torch.empty((len(x), weight.shape[0], high, wide), memory_format=torch.channels_last)
    _call("conv_events", None, form, x, weight, out)
    return out


def conv_events_learn(x: Tensor, grad: Tensor, weight: Tensor, padding: int) -> Tensor:
    """The gradient by the weights of `conv_events`."""
    out = torch.empty_like(weight, memory_format=torch.contiguous_format)
    _call("conv_events_learn", None, _conv(x, weight, padding), x, grad, out)
    return out


@cache
def library() -> ctypes.CDLL | None:
    """The kernels, compiled now if they never were; None where there is no compiler or it fails."""
    if compiling.compiler() is None:
        return None
    here = Path(__file__).parent
    texts = [(here / name).read_text(encoding="utf-8") for name in ("numbers.hpp", *SOURCES)]
    made_from = repr((texts, FLAGS, compiling._machine())).encode()
    place = compiling.cache_folder() / f"deep-{hashlib.sha256(made_from).hexdigest()[:32]}.so"
    if not place.exists():
        sys.stderr.write(f"compiling the kernels of deep networks once, some seconds; kept in {place.parent}\n")
        with atomic_path(place) as new:
            done = subprocess.run([*compiling.compiler(), *FLAGS, *(str(here / n) for n in SOURCES), "-o", str(new)],
                                  capture_output=True, text=True, check=False)
            if done.returncode:
                sys.stderr.write("the compiler failed; deep networks run without their kernels, more slowly\n")
                return None
    return ctypes.CDLL(str(place))


def _call(name: str, x: Tensor | None, *given) -> None:
    kernel = getattr(library(), name if x is None else f"{name}_{TYPES[x.dtype][0]}")
    kernel(*map(_passed, given))


def _passed(given):
    """A tensor, a number, a structure or None as C takes it."""
    if isinstance(given, Tensor):
        return ctypes.c_void_p(given.data_ptr())
    return ctypes.c_int64(given) if isinstance(given, int) else given and ctypes.byref(given)


def _cell(x: Tensor, share: float, spec: CellSpec, steps: int, constant: bool) -> _Cell:
    return _Cell(share, spec.threshold, spec.width, spec.reset == "soft", SURROGATES[spec.surrogate], steps,
                 x.numel() if constant else x.numel() // steps, _period(x), constant, torch.get_num_threads())


def _conv(x: Tensor, weight: Tensor, padding: int) -> _Conv:
    return _Conv(len(x), *x.shape[2:], x.shape[1], weight.shape[0], weight.shape[2], padding, torch.get_num_threads())


def _map(x: Tensor) -> _Map:
    return _Map(x.shape[0], x.shape[2], x.shape[3], x.shape[1], torch.get_num_threads())


def _period(x: Tensor) -> int:
    return math.lcm(x.shape[1], LANES)


def _tables(period: int, x: Tensor, *by_channel: Tensor | None) -> list[Tensor | None]:
    """Numbers by channel, repeated up to the period, in the type that the kernels compute in."""
    return [None if t is None else t.to(TYPES[x.dtype][1]).repeat(period // len(t)) for t in by_channel]


def _folded(sums: Tensor, period: int, channels: int) -> Tensor:
    return sums[: 2 * period].view(2, -1, channels).sum(1)


def _format(x: Tensor):
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format
