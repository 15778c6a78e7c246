"""How important a synapse and a neuron are: DPAP's trace-based BCM score and spine density.

The score is a book-keeping of what a BCM rule would have done; it is never applied to a weight. Traces stand for
firing, so signed inputs (an analog image as the first layer) must be rectified before they come here.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace, device

from dpap_bio.arrays import sum_by
from dpap_bio.rules.rule import Rule

Array = Any
BLOCK = 1 << 18  # numbers gathered at a time: 2 MB of float64 stays in cache


def bcm_score(trace_pre: Array, trace_post: Array, threshold: Array, pre: Array, post: Array) -> Array:
    """Sum over samples what BCM would do to each synapse: B = sum_b S_post (S_post - theta) S_pre.

    Arguments
        trace_pre   (n_samples, n_pre) float, 1     presynaptic trace at the end of each sample, >= 0
        trace_post  (n_samples, n_post) float, 1    the same of the postsynaptic neurons
        threshold   (n_post,) or (n_samples, n_post) float, 1   theta; one for all samples, or one for each
        pre, post   (n_syn,) int                    ends of each synapse
    Returns
        (n_syn,) float, 1                           sum, not mean, over the samples; memory is O(n_syn + traces)
    Source
        DPAP reference code, prun_main.py 98-109; postsynaptic factor as in Bienenstock, Cooper & Munro 1982.
    """
    return coincidence(trace_pre, trace_post * (trace_post - threshold), pre, post)


def coincidence(trace_pre: Array, trace_post: Array, pre: Array, post: Array) -> Array:
    """Sum over samples of S_pre S_post at each synapse (n_syn,), without a matrix unless nearly all pairs exist."""
    xp = array_namespace(trace_pre)
    n_syn, n_post = pre.shape[0], trace_post.shape[1]
    if trace_pre.shape[1] * n_post <= 2 * n_syn:
        matrix = xp.matmul(xp.matrix_transpose(trace_pre), trace_post)
        return xp.take(xp.reshape(matrix, (-1,)), pre * n_post + post)
    of_pre = _contiguous(trace_pre)
    of_post = _contiguous(trace_post)
    step = max(1, BLOCK // max(1, trace_pre.shape[0]))
    spans = [slice(a, min(a + step, n_syn)) for a in range(0, n_syn, step)]
    parts = [xp.vecdot(xp.take(of_pre, pre[s], axis=0), xp.take(of_post, post[s], axis=0)) for s in spans]
    return xp.concat(parts) if parts else xp.zeros(0, dtype=trace_pre.dtype, device=device(trace_pre))


def sliding_threshold(trace_post: Array, threshold: Array, weight: Array, *, power: float, scale: float) -> Array:
    """The BCM threshold that each sample meets: the mean of scale (S / scale)^power over everything before it.

    Arguments
        trace_post  (n_samples, n_post) float, 1    postsynaptic traces, in the order of presentation
        threshold   (n_post,) float, 1              mean up to the first sample
        weight      (n_post,) float, 1              how many samples that mean stands for; 0 starts at theta = 0
        power       float, 1                        1 is DPAP's mean, 2 the mean square of Intrator & Cooper
        scale       float, 1                        the trace at which both agree; no effect when power is 1
    Returns
        (n_samples, n_post) float, 1                used before it is updated: sample b does not see itself
    Source
        DPAP reference code, prun_main.py 101: running mean, updated after use. There one mean is kept per position
        in the batch; here one per neuron, which has the same expectation and less noise.
    """
    xp = array_namespace(trace_post)
    response = scale * (trace_post / scale) ** power
    before = xp.cumulative_sum(response, axis=0) - response
    number = xp.arange(trace_post.shape[0], dtype=trace_post.dtype, device=device(trace_post))
    total = weight + number[:, None]
    return (weight * threshold + before) / xp.where(total > 0, total, xp.ones_like(total))


def remember(mean: Array, weight: Array, fresh: Array, n: int, *, kept: float) -> tuple[Array, Array]:
    """Add n samples, which sum to `fresh`, to a mean that stands for `weight` samples and of which `kept` is kept.

    Arguments
        mean, weight  (n_any,) float     the mean so far and the number of samples behind it
        fresh         (n_any,) float     sum over the new samples
        n             int                number of new samples
        kept          float, 1           1 forgets nothing (running mean), 0 all (this epoch alone)
    Returns
        mean, weight  (n_any,) float     unchanged where there is nothing to average
    Source
        ours: DPAP sums since epoch 0 (kept = 1). A mean ranks the synapses of one age just as the sum does, and a
        synapse born later competes on equal terms; a float32 mean also does not lose small late additions.
    """
    xp = array_namespace(mean)
    weight = kept * weight
    total = weight + n
    safe = xp.where(total > 0, total, xp.ones_like(total))
    return xp.where(total > 0, (weight * mean + fresh) / safe, mean), total


def kept_share(days: float, memory: float) -> float:
    """What is left after `days` of a memory that decays with `memory` days: exp(-days / memory); 0 and inf allowed."""
    if memory < 0:
        raise ValueError(f"a memory must be 0 day or longer, got {memory} day")
    return math.exp(-days / memory) if memory > 0 else 0.0


def min_max(values: Array, alive: Array) -> Array:
    """Put the live values on [0, 1]: (z - min) / (max - min); dead ones are 0, and all-equal live ones are 1 (or 0).

    Arguments
        values  (n,) float      what is compared
        alive   (n,) bool       who counts; the dead are in neither minimum nor maximum
    Returns
        (n,) float, 1
    Source
        DPAP reference code, utils.py 25-36, where all-equal values give 0.5. Ours: equals that are used are all
        worth keeping (1), equals that are 0 were never used (0).
    """
    xp = array_namespace(values)
    live = values[alive]
    if not live.shape[0]:
        return xp.zeros_like(values)
    low, span = xp.min(live), xp.max(live) - xp.min(live)
    scaled = (values - low) / span if span > 0 else xp.astype(values != 0, values.dtype)
    return xp.where(alive, scaled, xp.zeros_like(scaled))


def spine_density(score: Array, use: Array, post: Array, synapse_alive: Array, alive: Array) -> Array:
    """Rate each neuron by its synapses and its activity: D_j = N(sum_i B_ji) N(A_j), N = min-max over live neurons.

    Arguments
        score          (n_syn,) float, 1    BCM score B of each synapse
        use            (n_post,) float, 1   mean (or summed) trace A of each neuron
        post           (n_syn,) int         postsynaptic neuron of each synapse
        synapse_alive  (n_syn,) bool        dead synapses do not count
        alive          (n_post,) bool       dead neurons get 0 and are left out of minimum and maximum
    Returns
        (n_post,) float, 1                  in [0, 1]
    Source
        DPAP reference code, prun_main.py 213-224. The weakest live neuron of a layer has D = 0 by construction, and
        one outlier compresses all others: both are properties of the method, not of this code.
    """
    xp = array_namespace(score)
    summed = sum_by(xp.where(synapse_alive, score, xp.zeros_like(score)), post, alive.shape[0])
    return min_max(summed, alive) * min_max(use, alive)


def _importance(proj, act, p, rng):
    syn, target = proj.synapses, proj.target
    seen_pre, seen_post = act.pre.trace, act.post.trace
    n = seen_post.shape[0]
    xp = array_namespace(seen_post)
    kept, kept_threshold = kept_share(act.days, p.score_memory), kept_share(act.days, p.threshold_memory)
    options = {"power": p.threshold_power, "scale": p.threshold_scale}
    theta = sliding_threshold(seen_post, target.threshold_bcm, kept_threshold * target.threshold_weight, **options)
    fresh = bcm_score(seen_pre, seen_post, theta, syn.pre, syn.post)
    score, score_weight = remember(syn.score, syn.score_weight, fresh, n, kept=kept)
    use, use_weight = remember(target.use, target.use_weight, xp.sum(seen_post, axis=0), n, kept=kept)
    response = xp.sum(p.threshold_scale * (seen_post / p.threshold_scale) ** p.threshold_power, axis=0)
    threshold, threshold_weight = remember(
        target.threshold_bcm, target.threshold_weight, response, n, kept=kept_threshold
    )
    density = spine_density(score, use, syn.post, syn.alive, target.alive)
    proj = proj.replace(score=score, score_weight=score_weight)
    return proj.replace_target(
        threshold_bcm=threshold, threshold_weight=threshold_weight, use=use, use_weight=use_weight, density=density
    )


def _contiguous(trace):
    """(n_samples, n_neu) -> (n_neu, n_samples) with each neuron's samples side by side in memory."""
    xp = array_namespace(trace)
    turned = xp.matrix_transpose(trace)
    return xp.reshape(xp.reshape(turned, (-1,)), turned.shape)  # flattening is what copies


IMPORTANCE = Rule(
    _importance,
    needs={"score_memory": "day", "threshold_memory": "day", "threshold_power": "1", "threshold_scale": "1"},
    synapse={"score": 0.0, "score_weight": 0.0},
    neuron={"threshold_bcm": 0.0, "threshold_weight": 0.0, "use": 0.0, "use_weight": 0.0, "density": 0.0},
)
