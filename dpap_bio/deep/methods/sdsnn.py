"""SD-SNN: bounded spines, trophic pruning of whole units, regeneration of persistently wanted kernels.

Every weight has a bound that grows when it is pressed against and shrinks while the weight falls. Units whose incoming
bounds are narrowest die first, at a rate that is higher the more living units compete for each living target and that
fades with time. A kernel that is dead but wanted, epoch after epoch, comes back: wanted means a gradient larger than
the given share of all kernels of its layer. A unit that was pruned once is not pruned again (the reference code's
protection; without it a regenerated unit, with few kernels, would die at once).

Timetable, in epochs, C the persistence: bounds move from the start, bind after C, death and regeneration after 2 C.
"""

from __future__ import annotations

import math

import numpy as np
from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like, quantile, sum_by, to_numpy
from dpap_bio.deep.methods.method import LayerView, Method
from dpap_bio.network import Projection
from dpap_bio.rules.importance import min_max
from dpap_bio.rules.regrow import count_wanted, wanted_percentile
from dpap_bio.rules.spine_range import range_step

NEEDS = {"range_persistence": "day", "range_shrink": "1", "trophic_conv": "1", "trophic_fc": "1",
         "tau_trophic": "day", "pruned_first_conv": "1", "pruned_first_fc": "1", "keep_neurons": "1",
         "regrow_percentile_conv": "1", "regrow_percentile_fc": "1", "regrow_tightening": "1", "regrow_ceiling": "1"}


def trophic_rate(day: float, living: int, targets: int, *, strength: float, tau_trophic: float) -> float:
    """The share of a layer's units that starve in an epoch: strength exp(-day / tau) living / targets.

    Source
        SD-SNN reference code, cal_prune: 1 % per living unit and target in conv layers, tau = 5 epochs
    """
    return strength * math.exp(-day / tau_trophic) * living / max(1, targets)


def _step(layers, p, rng):
    return {name: _developed(view, p, rng) for name, view in layers.items()}


def _developed(view: LayerView, p, rng) -> Projection:
    proj, epoch = _ranged(view.projection, view.activity.epoch, p), view.activity.epoch
    day = epoch - (2 * p.range_persistence + 1)
    if day < 0:
        return proj
    proj = _regenerated(view.kind, proj, day, p)
    proj = _starved(view.kind, proj, p, rng)
    strength = p.trophic_conv if view.kind == "conv" else p.trophic_fc
    living = int(to_numpy(proj.target.alive).sum())
    rate = trophic_rate(day, living, view.targets, strength=strength, tau_trophic=p.tau_trophic)
    return proj.replace_target(share=proj.target.share + rate)


def _ranged(proj: Projection, epoch: int, p) -> Projection:
    """Move the bound of each weight, and from epoch C on hold the weight within it."""
    syn = proj.synapses
    xp = array_namespace(syn.w)
    size = xp.abs(syn.w)
    state = syn.range_upper, syn.pressed, syn.overshoot, syn.falling
    upper, pressed, overshoot, falling = range_step(size, syn.w_before, *state, dt=1.0,
                                                    persistence=p.range_persistence, shrink=p.range_shrink)
    binds = epoch > p.range_persistence
    w = xp.where(size > upper, xp.sign(syn.w) * upper, syn.w) if binds else syn.w
    return proj.replace(w=w, w_before=xp.abs(w), range_upper=upper, pressed=pressed, overshoot=overshoot,
                        falling=falling)


def _regenerated(kind: str, proj: Projection, day: float, p) -> Projection:
    """Bring back the kernels that have been wanted for more than C epochs in a row; `wanted` counts, -1 is not."""
    syn, n_pre = proj.synapses, len(proj.source)
    xp = array_namespace(syn.w)
    kernel = syn.post * n_pre + syn.pre
    n = len(proj.target) * n_pre
    each = len(syn) // n
    score = to_numpy(xp.sqrt(sum_by(syn.gradient**2, kernel, n)))
    dead = to_numpy(sum_by(xp.astype(syn.alive, syn.w.dtype), kernel, n)) == 0
    percentile = p.regrow_percentile_conv if kind == "conv" else p.regrow_percentile_fc
    q = wanted_percentile(day, percentile=percentile, tightening=p.regrow_tightening, ceiling=p.regrow_ceiling)
    count = to_numpy(syn.wanted)[::each].astype(np.int64)
    count = np.where(dead, count_wanted(score, count >= 0, count, float(quantile(score, q / 100))), -1)
    born = count > p.range_persistence
    count = np.where(born, -1, count)
    alive = syn.alive | like(np.repeat(born, each), syn.alive)
    post = np.arange(n) // n_pre
    units = to_numpy(proj.target.alive) | np.isin(np.arange(len(proj.target)), post[born])
    proj = proj.replace(alive=alive, wanted=like(np.repeat(count.astype(float), each), syn.w))
    return proj.replace_target(alive=like(units, syn.alive))


def _starved(kind: str, proj: Projection, p, rng) -> Projection:
    """Prune never pruned units, narrowest spines first, until as many have been pruned as the layer's share says."""
    syn, target = proj.synapses, proj.target
    xp = array_namespace(syn.w)
    width = min_max(syn.range_upper, syn.alive)
    importance = sum_by(width, syn.post, len(target))
    first = p.pruned_first_conv if kind == "conv" else p.pruned_first_fc
    share = min(1.0, first + float(target.share[0]))
    ever = target.pruned > 0
    still = target.alive & ~ever
    n_due = int(share * len(target)) - int(to_numpy(ever).sum())
    n_due = max(0, min(n_due, int(to_numpy(target.alive).sum()) - int(p.keep_neurons), int(to_numpy(still).sum())))
    dies = largest(-importance, n_due, still, like(rng.random(len(target)), syn.w))
    alive = target.alive & ~dies
    proj = proj.replace(alive=syn.alive & xp.take(alive, syn.post))
    return proj.replace_target(alive=alive, pruned=xp.astype(ever | dies, syn.w.dtype))


def _largest_of_layer(weight):
    """The start of every bound: the largest weight of the layer."""
    return weight.abs().max() + 0 * weight


SDSNN = Method(_step, needs=NEEDS, grain="weight", sees="gradient", final=False,
               synapse={"range_upper": _largest_of_layer, "w_before": 0.0, "pressed": 0.0, "overshoot": 0.0,
                        "falling": 0.0, "wanted": -1.0},
               neuron={"share": 0.0, "pruned": 0.0})
