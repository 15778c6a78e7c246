"""The fast rules, event by event in plain Python: what generated code of any backend is checked against.

Slow and readable on purpose; one synapse at a time. Every function takes spike times in seconds and gives the weight
before the first event and after each one, in the order of the events. At equal times the presynaptic event acts
first, as in Brian2: it reads postsynaptic traces without the spike of that instant, and the postsynaptic event reads
presynaptic traces with it. Times within half a nanosecond are equal.
"""

from __future__ import annotations

import math

import numpy as np


def pair_stdp(
    t_pre, t_post, *, w0, a_plus, a_minus, tau_plus, tau_minus, mu=0.0, w_max=None, scheme="all_to_all"
) -> np.ndarray:
    """Pair STDP: a pre spike does w -= a_minus (w)^mu y, a post spike w += a_plus (1 - w)^mu x, w in units of w_max.

    Arguments
        t_pre, t_post        sequences of float, s    spike arrival times and postsynaptic spike times
        w0                   float, w's unit          weight at the start
        a_plus, a_minus      float, 1                 amplitudes, >= 0, in units of w_max
        tau_plus, tau_minus  float, s                 decay of the traces x (pre) and y (post)
        mu                   float, 1                 0 additive .. 1 multiplicative
        w_max                float, w's unit          weights are kept in [0, w_max]; None: no bounds, unit 1, mu unused
        scheme               "all_to_all" | "nearest" traces add 1 at a spike, or are set to 1
    Returns
        (n_events + 1,) float                         the last one is the weight at the end
    Source
        Song, Miller & Abbott 2000 (mu = 0); Guetig et al. 2003 for mu.
    """
    x, y = _Trace(tau_plus, scheme), _Trace(tau_minus, scheme)
    unit = 1.0 if w_max is None else w_max
    w = [w0]
    for t, is_pre in _events(t_pre, t_post):
        share = w[-1] / unit
        if is_pre:
            change = -a_minus * (1.0 if w_max is None else share**mu) * y.at(t)
            x.spike(t)
        else:
            change = a_plus * (1.0 if w_max is None else (1 - share) ** mu) * x.at(t)
            y.spike(t)
        w.append(_bounded(w[-1] + unit * change, w_max))
    return np.array(w)


def triplet_stdp(
    t_pre, t_post, *, w0, a2_plus, a3_plus, a2_minus, a3_minus, tau_plus, tau_minus, tau_x, tau_y, w_max=None,
    scheme="all_to_all",
) -> np.ndarray:  # fmt: skip
    """Triplet STDP: pre does w -= y (a2_minus + a3_minus x_slow), post does w += x (a2_plus + a3_plus y_slow).

    Arguments
        t_pre, t_post        sequences of float, s    as in `pair_stdp`
        w0, w_max            float, 1                 start and bound; None: no bounds
        a2_plus .. a3_minus  float, 1                 pair and triplet amplitudes, >= 0
        tau_plus, tau_minus  float, s                 decay of x (pre) and y (post)
        tau_x, tau_y         float, s                 decay of x_slow (pre) and y_slow (post)
        scheme               "all_to_all" | "nearest" traces add 1 at a spike, or are set to 1
    Returns
        (n_events + 1,) float                         as in `pair_stdp`
    Source
        Pfister & Gerstner 2006. A slow trace is read before its own spike is added to it.
    """
    x, y = _Trace(tau_plus, scheme), _Trace(tau_minus, scheme)
    x_slow, y_slow = _Trace(tau_x, scheme), _Trace(tau_y, scheme)
    w = [w0]
    for t, is_pre in _events(t_pre, t_post):
        if is_pre:
            change = -y.at(t) * (a2_minus + a3_minus * x_slow.at(t))
            x.spike(t), x_slow.spike(t)
        else:
            change = x.at(t) * (a2_plus + a3_plus * y_slow.at(t))
            y.spike(t), y_slow.spike(t)
        w.append(_bounded(w[-1] + change, w_max))
    return np.array(w)


def inhibitory_stdp(t_pre, t_post, *, w0, eta, rate, tau, w_max=None) -> np.ndarray:
    """Inhibitory STDP: pre does w += eta (y - 2 rate tau), post does w += eta x; the post neuron settles at `rate`.

    Arguments
        t_pre, t_post  sequences of float, s    as in `pair_stdp`
        w0, w_max      float, w's unit          magnitude of the inhibitory weight, start and bound
        eta            float, w's unit          learning rate
        rate           float, Hz                wanted rate of the postsynaptic neuron
        tau            float, s                 decay of both traces
    Returns
        (n_events + 1,) float                   as in `pair_stdp`
    Source
        Vogels et al. 2011, alpha = 2 rate tau.
    """
    x, y = _Trace(tau), _Trace(tau)
    w = [w0]
    for t, is_pre in _events(t_pre, t_post):
        if is_pre:
            change = eta * (y.at(t) - 2 * rate * tau)
            x.spike(t)
        else:
            change = eta * x.at(t)
            y.spike(t)
        w.append(_bounded(w[-1] + change, w_max))
    return np.array(w)


def bcm(
    t_pre, t_post, *, w0, eta, rate, tau_rate, tau_threshold, threshold0, power=2, w_max=None
) -> tuple[np.ndarray, np.ndarray]:
    """BCM at presynaptic spikes: w += eta r (r - theta) / rate^2, d(theta)/dt = (rate (r / rate)^power - theta) / tau.

    Arguments
        t_pre, t_post  sequences of float, s    as in `pair_stdp`
        w0, w_max      float, 1                 start and bound
        eta            float, 1                 learning rate
        rate           float, Hz                rate at which the threshold equals the rate
        tau_rate       float, s                 the rate r is a trace: + 1 / tau_rate at each post spike
        tau_threshold  float, s                 how fast the threshold slides; not power^-1 times tau_rate
        threshold0     float, Hz                threshold at the start, time 0
        power          int                      2 mean square (Intrator & Cooper 1992), 1 mean
    Returns
        w              (n_events + 1,) float    as in `pair_stdp`
        threshold      (n_events + 1,) float, Hz
    """
    r = _Trace(tau_rate)
    w, threshold, last = [w0], [threshold0], 0.0
    for t, is_pre in _events(t_pre, t_post):
        passed, before = t - last, r.at(last) / tau_rate
        # between spikes r decays, and its power drives theta: two exponentials
        driven = rate * (before / rate) ** power / (1 - power * tau_threshold / tau_rate)
        theta = (threshold[-1] - driven) * math.exp(-passed / tau_threshold)
        theta += driven * math.exp(-power * passed / tau_rate)
        now = r.at(t) / tau_rate
        change = eta * now * (now - theta) / rate**2 if is_pre else 0.0
        if not is_pre:
            r.spike(t)
        w.append(_bounded(w[-1] + change, w_max))
        threshold.append(theta)
        last = t
    return np.array(w), np.array(threshold)


class _Trace:
    """An exponential trace: value at a time, and a spike."""

    def __init__(self, tau, scheme="all_to_all"):
        if scheme not in ("all_to_all", "nearest"):
            raise ValueError(f'scheme is "all_to_all" or "nearest", got {scheme!r}')
        self.tau, self.adds, self.value, self.time = tau, scheme == "all_to_all", 0.0, 0.0

    def at(self, t):
        return self.value * math.exp((self.time - t) / self.tau)

    def spike(self, t):
        self.value, self.time = (self.at(t) if self.adds else 0.0) + 1.0, t


def _events(t_pre, t_post):
    """(time, is it presynaptic?) in order; pre before post at equal times."""
    events = [(float(t), True) for t in t_pre] + [(float(t), False) for t in t_post]
    return sorted(events, key=lambda event: (round(event[0] * 1e9), not event[1]))


def _bounded(w, w_max):
    return w if w_max is None else min(max(w, 0.0), w_max)
