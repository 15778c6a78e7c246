"""One cut by weight within each cell, its random control, and the synaptic scaling that makes up for what is lost."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import like, rank, sum_by
from dpap_bio.rules.rule import Rule
from dpap_bio.rules.survival import u_scores

Array = Any


def cut(w: Array, post: Array, alive: Array, n_post: int, *, below: float, percentile: float,
        subtract_minimum: bool) -> Array:
    """Who survives: the synapses whose importance U(w) within their cell is `below` or more.

    Arguments
        w                 (n_syn,) float, 1    weights, >= 0
        post              (n_syn,) int         postsynaptic neuron
        alive             (n_syn,) bool        the dead stay dead and are not ranked
        n_post            int                  number of postsynaptic neurons
        below             float, 1             cut-off on [0, 1]; 0 cuts nothing
        percentile        float, 1             as in `u_scores`
        subtract_minimum  bool                 as in `u_scores`: False spares a cell whose weights are all alike
    Returns
        (n_syn,) bool
    Source
        DPAP's dense layers prune, in the end, what has U below 0.51 (`cutoff.py`); the cut takes it at once
    """
    u = u_scores(w, percentile=percentile, subtract_minimum=subtract_minimum, alive=alive, group=post, n_groups=n_post)
    return alive & (u >= below)


def as_many_by_chance(kept: Array, post: Array, alive: Array, n_post: int, order: Array) -> Array:
    """Who survives if each cell keeps as many as in `kept`, chosen by chance.

    Arguments
        kept, alive  (n_syn,) bool     who a rule keeps, and who was alive
        post         (n_syn,) int      postsynaptic neuron
        n_post       int               number of postsynaptic neurons
        order        (n_syn,) float    random numbers: the synapses with the smallest ones stay
    Returns
        (n_syn,) bool
    """
    xp = array_namespace(order)
    number, living = (sum_by(xp.astype(x, order.dtype), post, n_post) for x in (kept, alive))
    late = xp.where(alive, order, xp.full_like(order, float("inf")))  # the dead come last in their cell
    place = xp.astype(rank(xp.astype(post, order.dtype), late), order.dtype)
    ones = xp.ones_like(order)
    first = xp.cumulative_sum(sum_by(ones, post, n_post)) - sum_by(ones, post, n_post)
    return alive & (place - xp.take(first, post) < xp.take(xp.minimum(number, living), post))


def made_up_for(gain: Array, w: Array, post: Array, before: Array, alive: Array, n_post: int) -> Array:
    """The gains with which the survivors of each cell together are as strong as all were: one factor for a cell.

    Arguments
        gain    (n_syn,) float, 1    gain of each synapse, its strength is gain * w
        w       (n_syn,) float, 1    weights, >= 0
        post    (n_syn,) int         postsynaptic neuron
        before  (n_syn,) bool        who was alive
        alive   (n_syn,) bool        who is alive now
        n_post  int                  number of postsynaptic neurons
    Returns
        (n_syn,) float, 1            a cell with nothing left is left as it is
    Source
        turrigiano1998: scaling multiplies all synapses of a cell by one factor. Ours: it acts on the gain, so that
        plasticity keeps its range [0, w_max] in units of the scaled strength.
    """
    xp = array_namespace(gain)
    strength, none = gain * w, xp.zeros_like(w)
    was = sum_by(xp.where(before, strength, none), post, n_post)
    now = sum_by(xp.where(alive, strength, none), post, n_post)
    factor = xp.where(now > 0, was / xp.where(now > 0, now, xp.ones_like(now)), xp.ones_like(now))
    return gain * xp.take(factor, post)


def _survivors(proj, p) -> Array:
    syn = proj.synapses
    return cut(syn.w, syn.post, syn.alive, len(proj.target), below=p.cut_below, percentile=p.percentile,
               subtract_minimum=p.subtract_minimum > 0)


def _cut(proj, act, p, rng):
    return proj.replace(alive=_survivors(proj, p)) if p.cut_below > 0 else proj


def _cut_by_chance(proj, act, p, rng):
    if p.cut_below <= 0:
        return proj
    syn = proj.synapses
    order = like(rng.random(syn.w.shape[0]), syn.w)
    return proj.replace(alive=as_many_by_chance(_survivors(proj, p), syn.post, syn.alive, len(proj.target), order))


def _make_up(proj, act, p, rng):
    syn = proj.synapses
    before = array_namespace(syn.w).ones_like(syn.alive)  # between two epochs the dead are removed: all here lived
    return proj.replace(gain=made_up_for(syn.gain, syn.w, syn.post, before, syn.alive, len(proj.target)))


_NEEDS = {"cut_below": "1", "percentile": "1", "subtract_minimum": "1"}
CUT = Rule(_cut, needs=_NEEDS)
CUT_BY_CHANCE = Rule(_cut_by_chance, needs=_NEEDS)
MAKE_UP = Rule(_make_up)
