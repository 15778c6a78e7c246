"""Regrowth of wanted synapses: absent pairs that fire together, day after day, become synapses.

Filopodia probe a share of the absent pairs each day. A pair is wanted when its pre and post traces coincide more than
in most pairs, live or probed; wanted for longer than `regrow_persistence` without a break, it is born. When all
absent pairs are probed (`probed_share` 1) this is SD-SNN's rule; a smaller share is cheaper in a large network, and a
pair is then found with a delay. Coincidence is never negative, so inhibitory and
excitatory pairs are rated alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dpap_bio.arrays import quantile, to_numpy
from dpap_bio.rules.grow import absent_pairs
from dpap_bio.rules.importance import coincidence
from dpap_bio.rules.rule import Rule

Array = Any


def wanted_percentile(day: float, *, percentile: float, tightening: float, ceiling: float) -> float:
    """How selective regrowth is: q = min(ceiling, percentile + tightening^day), in percent.

    Arguments
        day         float, day    since regrowth began
        percentile  float, %      65 in SD-SNN's convolutional layers, 60 in dense ones
        tightening  float, 1      1.1 a day
        ceiling     float, %      99
    Returns
        float, %
    Source
        SD-SNN reference code, do_growth_ww: regrowth is a window of about 37 days, then only the top 1 % qualifies.
    """
    if day > 1e4:  # far beyond the ceiling, and tightening^day would overflow
        return ceiling
    return min(ceiling, percentile + tightening**day)


def count_wanted(score: np.ndarray, watched_before: np.ndarray, count: np.ndarray, threshold: float) -> np.ndarray:
    """How many epochs in a row each pair has been wanted, the first not counted; -1 where it is not wanted now.

    Arguments
        score           (n,) float    coincidence of each probed or watched pair
        watched_before  (n,) bool     wanted at the last epoch
        count           (n,) int      its count then
        threshold       float         a wanted pair is strictly above it
    Returns
        (n,) int
    Source
        SD-SNN reference code, do_growth_ww.
    """
    wanted = score > threshold
    return np.where(wanted, np.where(watched_before, count + 1, 0), -1)


def regrow_rule(*, autapses: bool = True) -> Rule:
    """The rule that watches wanted pairs in `projection.candidates` and asks for the birth of the persistent ones."""

    def step(proj, act, p, rng):
        day = act.age - act.days - p.regrow_start
        if day < 0:
            return proj
        pre, post, count, before = _pool(proj, p.probed_share, rng, autapses)
        syn = proj.synapses
        x, y = to_numpy(act.pre.trace), to_numpy(act.post.trace)
        score = coincidence(x, y, pre, post)
        alive = to_numpy(syn.alive)
        old = coincidence(x, y, to_numpy(syn.pre)[alive], to_numpy(syn.post)[alive])
        both = np.concatenate([score, old])
        if not len(both):
            return proj
        options = {"percentile": p.regrow_percentile, "tightening": p.regrow_tightening, "ceiling": p.regrow_ceiling}
        threshold = float(quantile(both, wanted_percentile(day, **options) / 100))
        count = count_wanted(score, before, count, threshold)
        born = count * act.days > p.regrow_persistence + 1e-9
        waits = (count >= 0) & ~born
        return proj.watch(pre[waits], post[waits], count[waits]).ask_births(pre[born], post[born])

    needs = {"regrow_start": "day", "regrow_persistence": "day", "probed_share": "1", "regrow_percentile": "1"}
    return Rule(step, needs={**needs, "regrow_tightening": "1", "regrow_ceiling": "1"})


def _pool(proj, probed_share, rng, autapses):
    """Watched pairs that are still absent, then newly probed ones: pre, post, count, was it watched?"""
    n_post = len(proj.target)
    seen = proj.candidates
    taken = np.concatenate([
        (to_numpy(proj.synapses.pre) * n_post + to_numpy(proj.synapses.post))[to_numpy(proj.synapses.alive)],
        proj.births.pre * n_post + proj.births.post,
    ])  # fmt: skip
    key = seen.pre * n_post + seen.post
    absent = ~np.isin(key, taken) & to_numpy(proj.source.alive)[seen.pre] & to_numpy(proj.target.alive)[seen.post]
    probed = absent_pairs(proj, probed_share, rng, autapses=autapses)
    new = ~np.isin(probed[0] * n_post + probed[1], key)
    pre, post = (np.concatenate([a[absent], b[new]]) for a, b in zip((seen.pre, seen.post), probed, strict=True))
    n_old = int(absent.sum())
    count = np.concatenate([seen.count[absent], np.zeros(len(pre) - n_old, np.int64)])
    return pre, post, count, np.arange(len(pre)) < n_old


REGROW = regrow_rule()
REGROW_NO_AUTAPSES = regrow_rule(autapses=False)
