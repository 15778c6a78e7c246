"""Competition for a trophic factor: the synapses on one target share what it gives, and the starved ones go."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import quantiles_by, sum_by
from dpap_bio.rules.rule import Rule

Array = Any
LONGEST = 0.05  # of tau: the step of the integration; below it results change by less than 1 %


def trophic_step(
    level: Array,
    affinity: Array,
    post: Array,
    alive: Array,
    n_post: int,
    *,
    dt: float,
    supply: float,
    half_uptake: float,
    steepness: float,
    tau_trophic: float,
) -> Array:
    """Let each synapse take up its share: tau dB/dt = supply u / (K + sum u) - B, u = affinity B^steepness.

    Arguments
        level        (n_syn,) float, 1    B, trophic level, >= 0
        affinity     (n_syn,) float, 1    how well it takes up, e.g. its weight, >= 0
        post         (n_syn,) int         the target, whose synapses share its supply; the sum runs over them
        alive        (n_syn,) bool        the dead take nothing and keep their level
        n_post       int                  number of targets
        dt           float, day           developmental time
        supply       float, 1             what a target gives: the levels on it never sum to more in the long run
        half_uptake  float, 1             K: total uptake at which half the supply is used
        steepness    float, 1             0 shares in proportion to affinity; below 1 all coexist; from 1 on one wins
        tau_trophic  float, day           how long a level lasts
    Returns
        (n_syn,) float, 1
    Source
        ours, the reduced form of van Ooyen & Willshaw 1999: receptors grow with the bound factor, which is the
        positive feedback B^steepness. Theory: B_i / B_j = (a_i / a_j)^(1 / (1 - steepness)) below 1, exclusion above.
    """
    xp = array_namespace(level)
    steps = max(1, math.ceil(dt / (LONGEST * tau_trophic)))
    kept = math.exp(-dt / (steps * tau_trophic))
    for _ in range(steps):
        uptake = xp.where(alive, affinity * level**steepness, xp.zeros_like(level))
        total = half_uptake + sum_by(uptake, post, n_post)
        share = uptake / xp.take(xp.where(total > 0, total, xp.ones_like(total)), post)
        level = xp.where(alive, kept * level + (1 - kept) * supply * share, level)
    return level


def starved(level: Array, post: Array, alive: Array, n_post: int, *, trophic_threshold: float) -> Array:
    """Who dies: the live synapses below the threshold, but never the best supplied one of a target; (n_syn,) bool."""
    xp = array_namespace(level)
    [best] = quantiles_by(xp.where(alive, level, xp.full_like(level, -1.0)), post, n_post, (1.0,))
    return alive & (level < trophic_threshold) & (level < xp.take(best, post))


def _trophic(proj, act, p, rng):
    syn, n_post = proj.synapses, len(proj.target)
    xp = array_namespace(syn.w)
    options = {"supply": p.trophic_supply, "half_uptake": p.half_uptake, "steepness": p.steepness}
    level = trophic_step(
        syn.trophic, xp.abs(syn.w), syn.post, syn.alive, n_post, dt=act.days, tau_trophic=p.tau_trophic, **options
    )
    dies = starved(level, syn.post, syn.alive, n_post, trophic_threshold=p.trophic_threshold)
    return proj.replace(trophic=level, alive=syn.alive & ~dies)


TROPHIC = Rule(
    _trophic,
    needs={
        "trophic_start": "1",
        "trophic_supply": "1",
        "half_uptake": "1",
        "steepness": "1",
        "tau_trophic": "day",
        "trophic_threshold": "1",
    },
    synapse={"trophic": "trophic_start"},
)
