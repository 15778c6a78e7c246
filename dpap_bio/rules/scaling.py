"""Synaptic scaling: a neuron multiplies all its afferent weights by one number, so their ratios stay as learnt.

Pruning must ship with it: a cell sits just below threshold, and losing 7 % of its drive can halve its rate. Weights
are magnitudes (w >= 0); the sign of a projection is its presynaptic population's.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import sum_by
from dpap_bio.rules.rule import Rule

Array = Any


def scale_to_sum(
    w: Array, post: Array, alive: Array, n_post: int, *, total: float, w_max: float, moved: float
) -> Array:
    """Scale the live afferents of each neuron towards a fixed sum: w <- w ((1 - moved) + moved total / sum w).

    Arguments
        w        (n_syn,) float, w's unit    weights, >= 0
        post     (n_syn,) int                postsynaptic neuron
        alive    (n_syn,) bool               dead synapses neither count nor change
        n_post   int                         number of postsynaptic neurons
        total    float, w's unit             the sum wanted for each neuron
        w_max    float, w's unit             no weight passes it; what is cut off is not given to the others, so a
                                             neuron with few afferents ends below `total`
        moved    float, 1                    share of the way to go: 1 is all of it
    Returns
        (n_syn,) float, w's unit             a neuron whose weights are all 0 is left as it is
    """
    xp = array_namespace(w)
    summed = sum_by(xp.where(alive, w, xp.zeros_like(w)), post, n_post)
    ratio = total / xp.where(summed > 0, summed, xp.full_like(summed, total))
    factor = xp.take((1 - moved) + moved * ratio, post)
    return xp.where(alive, xp.clip(w * factor, 0, w_max), w)


def scale_to_rate(
    w: Array, post: Array, alive: Array, rate: Array, *, target: float, w_max: float, gain: float
) -> Array:
    """Scale the afferents of each neuron by its rate error: w <- w exp(gain (target - rate) / target).

    Arguments
        w, post, alive  (n_syn,)              as in `scale_to_sum`
        rate            (n_post,) float, Hz   firing rate of each postsynaptic neuron
        target          float, Hz             the rate at which nothing changes, > 0
        w_max           float, w's unit       no weight passes it
        gain            float, 1              dt / tau: time since the last step over the time constant
    Returns
        (n_syn,) float, w's unit
    Source
        dw/dt = w (target - rate) / (target tau), solved exactly at a constant rate, so that two half steps are one
        and no weight changes sign; Turrigiano et al. 1998 for multiplicative scaling towards a set-point.
    """
    xp = array_namespace(w)
    factor = xp.exp(gain * (target - rate) / target)
    return xp.where(alive, xp.clip(w * xp.take(factor, post), 0, w_max), w)


def _scaling(proj, act, p, rng):
    syn = proj.synapses
    moved = -math.expm1(-act.days / p.tau_scaling) if p.tau_scaling > 0 else 1.0
    w = scale_to_sum(syn.w, syn.post, syn.alive, len(proj.target), total=p.afferent_sum, w_max=p.w_max, moved=moved)
    return proj.replace(w=w)


def _rate_scaling(proj, act, p, rng):
    syn = proj.synapses
    rate = act.post.count / act.seconds
    options = {"target": p.rate_wanted, "w_max": p.w_max, "gain": act.days / p.tau_scaling}
    return proj.replace(w=scale_to_rate(syn.w, syn.post, syn.alive, rate, **options))


SCALING = Rule(_scaling, needs={"afferent_sum": "1", "w_max": "1", "tau_scaling": "day"})
RATE_SCALING = Rule(_rate_scaling, needs={"rate_wanted": "Hz", "w_max": "1", "tau_scaling": "day"})
