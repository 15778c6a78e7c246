"""Criticality of a neuron, a rule that regrows where it is highest, and the branching ratio of a network.

Two different things carry the name. A *neuron* is critical when it sits near threshold, where a small change of input
decides whether it fires. A *network* is critical when one spike causes one more. The first is a score for regrowth;
the second is a measure, and regrowth on the first tends to push it up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like, to_numpy
from dpap_bio.rules.grow import absent_pairs
from dpap_bio.rules.rule import Rule

Array = Any


def nearness(potential: Array, threshold: float, rest: float) -> Array:
    """How close potentials are to threshold: 1 / (1 + (pi z)^2), z = (v - threshold) / (threshold - rest).

    Arguments
        potential        (...,) float, volt   membrane potential before reset
        threshold, rest  float, volt          z is 0 at threshold and -1 at rest
    Returns
        (...,) float, 1                       1 at threshold, 0.092 at rest; average it over time, not its maximum
    Source
        derivative of the arctan surrogate with peak 1: Chen et al. (criticality-guided pruning), structured branch.
        Their unstructured branch ranks by the activation itself, which is another quantity.
    """
    z = (potential - threshold) / (threshold - rest)
    return 1 / (1 + (math.pi * z) ** 2)


def firing_criticality(trace: Array) -> Array:
    """How undecided each neuron is: 4 p (1 - p), p = share of the presentations in which it fired.

    Arguments
        trace  (n_samples, n_neu) float, 1    above 0 where the neuron fired
    Returns
        (n_neu,) float, 1                     1 for a neuron that fires to half of all, 0 for always or never
    Source
        derivative of a logistic escape function at the neuron's firing probability; never below its entropy's lower
        bound. The bin is a presentation: in bins of 1 ms cortical rates give p near 0 and only ranks mean anything.
    """
    xp = array_namespace(trace)
    p = xp.mean(xp.astype(trace > 0, trace.dtype), axis=0)
    return 4 * p * (1 - p)


def branching_ratio(counts: np.ndarray, k_max: int) -> tuple[float, float]:
    """Spikes that one spike causes in the next bin, by multistep regression: r_k = b m^k, r_k slope of n(t+k) on n(t).

    Arguments
        counts  (n_bins,) float    spikes of the observed neurons in bins of one generation (delay + dt)
        k_max   int, >= 2          longest lag; several times -1 / ln(m), e.g. 200 for m above 0.95
    Returns
        m       float, 1           branching ratio in [0, 1.2]; right even if few of the neurons are observed
        b       float, 1           1 if all neurons are observed, smaller the fewer are
    Raises
        ValueError                 counts do not vary, or are too few for k_max
    Source
        Wilting & Priesemann 2018. The one-step slope r_1 = b m underestimates m by the same b: never report it alone.
    """
    counts = np.asarray(counts, float)
    if k_max < 2 or len(counts) < 2 * k_max or counts.std() == 0:
        raise ValueError(f"{len(counts)} bins that vary by {counts.std():.3g} are too little for lags up to {k_max}")
    r, lag = _slopes(counts, k_max), np.arange(1, k_max + 1)
    low, high = 0.0, 1.2
    for _ in range(4):  # for each m the best b is known: a search in one dimension, four times finer
        m = np.linspace(low, high, 201)
        shape = m[:, None] ** lag
        b = shape @ r / np.maximum((shape**2).sum(axis=1), 1e-300)
        best = int(np.argmin(((r - b[:, None] * shape) ** 2).sum(axis=1)))
        low, high = m[max(best - 1, 0)], m[min(best + 1, 200)]
    return float(m[best]), float(b[best])


def subsampled_slope(m: float, share: float) -> float:
    """The one-step slope seen when each spike of a driven process is observed with chance `share`.

    Source: m g / (g + 1 - share), g = share / (1 - m^2); binomial subsampling of a Poisson branching process.
    """
    g = share / (1 - m**2)
    return m * g / (g + 1 - share)


def criticality_rule(*, autapses: bool = True) -> Rule:
    """The rule that prunes the smallest weights beyond the budget and regrows where neurons are most critical.

    The budget is `activity.quota`, or as many synapses as are alive. A share `regrown_share` of it is pruned in
    addition and given to absent pairs whose target has the highest `firing_criticality`, among a random probed share.
    """

    def step(proj, act, p, rng):
        syn = proj.synapses
        xp = array_namespace(syn.w)
        budget = int(xp.sum(xp.astype(syn.alive, xp.int64))) if act.quota is None else act.quota
        born = math.floor(p.regrown_share * budget)
        pre, post = absent_pairs(proj, p.probed_share, rng, autapses=autapses)
        born = min(born, len(pre))
        tie = like(rng.random(syn.w.shape[0]), syn.w)
        proj = proj.replace(alive=largest(xp.abs(syn.w), budget - born, syn.alive, tie))
        score = to_numpy(firing_criticality(act.post.trace))[post]
        chosen = largest(score, born, np.ones(len(post), bool), rng.random(len(post)))
        return proj.ask_births(pre[chosen], post[chosen])

    return Rule(step, needs={"regrown_share": "1", "probed_share": "1"})


def _slopes(counts, k_max):
    slopes = []
    for k in range(1, k_max + 1):
        now, later = counts[:-k], counts[k:]
        deviation = now - now.mean()
        slopes.append(float((deviation * later).sum() / (deviation**2).sum()))  # the deviation has mean 0
    return np.array(slopes)


CRITICALITY = criticality_rule()
CRITICALITY_NO_AUTAPSES = criticality_rule(autapses=False)
