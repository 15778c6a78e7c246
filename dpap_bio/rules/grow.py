"""Overproduction: every absent pair may grow a synapse, with a chance per day that fades with age."""

from __future__ import annotations

import math

import numpy as np

from dpap_bio.arrays import to_numpy
from dpap_bio.network import Projection
from dpap_bio.rules.rule import Rule


def growth_share(age: float, days: float, *, growth_rate: float, growth_decay: float, growth_end: float) -> float:
    """The share of the absent pairs born in a step: 1 - exp(-integral of growth_rate exp(-age / growth_decay)).

    Arguments
        age           float, day      age at the beginning of the step
        days          float, day      length of the step
        growth_rate   float, 1/day    births per absent pair and day at age 0; 0.288 is a quarter a day
        growth_decay  float, day      fades by a factor e in this time; make it long for a constant rate
        growth_end    float, day      no births after this age
    Returns
        float, 1                      in [0, 1); two half steps together give birth to as many as one
    Source
        ours; a rate that falls from birth on is the growth term of the overlay curve of Huttenlocher's counts.
    """
    first, last = min(age, growth_end), min(age + days, growth_end)
    fading = math.exp(-first / growth_decay) - math.exp(-last / growth_decay)
    return -math.expm1(-growth_rate * growth_decay * fading)


def absent_pairs(proj: Projection, share: float, rng: np.random.Generator, *, autapses: bool):
    """Draw each absent pair of live neurons with chance `share`.

    Arguments
        proj      Projection      live synapses and births already asked for are present, all else is absent
        share     float, 1        chance of each pair, in [0, 1]
        rng       Generator
        autapses  bool            False leaves out pre == post; for a population that projects to itself
    Returns
        pre, post (n,) int64      distinct pairs, sorted; n is binomial. Memory is O(synapses + n), never O(pairs)
    """
    rows, columns = np.flatnonzero(to_numpy(proj.source.alive)), np.flatnonzero(to_numpy(proj.target.alive))
    alive = to_numpy(proj.synapses.alive)
    pre = np.concatenate([to_numpy(proj.synapses.pre)[alive], to_numpy(proj.births.pre)])
    post = np.concatenate([to_numpy(proj.synapses.post)[alive], to_numpy(proj.births.post)])
    if not autapses:
        both = np.intersect1d(rows, columns)
        pre, post = np.concatenate([pre, both]), np.concatenate([post, both])
    if len(rows) < len(proj.source) or len(columns) < len(proj.target):
        pre, post = _places(rows, len(proj.source))[pre], _places(columns, len(proj.target))[post]
        between = (pre >= 0) & (post >= 0)
        pre, post = pre[between], post[between]
    taken = pre * len(columns) + post
    taken.sort(kind="stable")  # mostly in order already; np.unique would hash them, ten times slower
    taken = taken[np.diff(taken, prepend=-1) > 0]
    free = len(rows) * len(columns) - len(taken)
    key = free_keys(taken, draw_distinct(free, rng.binomial(free, share), rng))
    return (rows[key // len(columns)], columns[key % len(columns)]) if len(key) else (key, key)


def free_keys(taken: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """The rank-th integers >= 0 that are not in `taken` (sorted, distinct): rank + how many taken ones lie before."""
    return rank + np.searchsorted(taken - np.arange(len(taken)), rank, side="right")


def draw_distinct(n: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` distinct integers in 0..n-1, sorted, every set equally likely; memory is O(count)."""
    if 2 * count > n:
        return np.sort(rng.permutation(n)[:count])
    found = np.empty(0, np.int64)
    while len(found) < count:
        found = np.unique(np.concatenate([found, rng.integers(0, n, count - len(found))]))
    return found


def grow_rule(*, autapses: bool = True) -> Rule:
    """The rule that asks for births at random among the absent pairs."""

    def step(proj, act, p, rng):
        options = {"growth_rate": p.growth_rate, "growth_decay": p.growth_decay, "growth_end": p.growth_end}
        share = growth_share(act.age - act.days, act.days, **options)
        return proj.ask_births(*absent_pairs(proj, share, rng, autapses=autapses))

    return Rule(step, needs={"growth_rate": "1/day", "growth_decay": "day", "growth_end": "day"})


def _places(live, n):
    place = np.full(n, -1)
    place[live] = np.arange(len(live))
    return place


GROW = grow_rule()
GROW_NO_AUTAPSES = grow_rule(autapses=False)
