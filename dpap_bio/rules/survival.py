"""DPAP's survival reserve: use it or lose it, gradually decaying.

Every synapse or neuron starts with a reserve. Each developmental day it earns when it is important and pays when it
is not; the stakes fall with age, so structure settles. A reserve below zero is what `prune` looks for.
Which share of the scores dies is worked out in `cutoff.py`.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import quantile, quantiles_by
from dpap_bio.rules.rule import Rule

Array = Any


def u_scores(
    score: Array,
    *,
    percentile: float,
    subtract_minimum: bool = True,
    alive: Array | None = None,
    group: Array | None = None,
    n_groups: int = 0,
    parity: bool = False,
) -> Array:
    """Put scores on [0, 1]: U = clip((z - min) / (P - min), 0, 1), P the given percentile of the live scores.

    Arguments
        score             (n,) float        importance z; exactly 0 means never used
        percentile        float, 1          0.75: the best quarter gets U = 1 by construction
        subtract_minimum  bool              False uses clip(z / P, 0, 1): nearly equal scores then all survive
        alive             (n,) bool         dead ones get 0 and are in neither minimum nor percentile; all if None
        group             (n,) int          rank within a group (postsynaptic neuron) instead of the whole layer
        n_groups          int               number of groups
        parity            bool              treat ties and silence as the reference code does (U = 0.5 if P = min)
    Returns
        (n,) float, 1
    Source
        DPAP reference code, utils.py 10-23. Ours: what was never used gets 0; where P = min (most of the layer is
        equal) everything else gets 1, the limit of the formula, instead of 0.5, which lets a layer collapse.
    """
    xp = array_namespace(score)
    alive = xp.ones_like(score, dtype=xp.bool) if alive is None else alive
    every = bool(xp.all(alive))
    live = score if every else score[alive]
    if not live.shape[0]:
        return xp.zeros_like(score)
    if group is None:
        low, high = xp.min(live), quantile(live, percentile)
    else:
        low, high = quantiles_by(live, group if every else group[alive], n_groups, (0.0, percentile))
    low = low if subtract_minimum else xp.zeros_like(low)
    flat = ~(high > low)
    span = xp.where(flat, xp.ones_like(high), high - low)

    def own(value):  # of the group that each score is in
        return value if group is None else xp.take(value, group)

    lowest = own(low)
    u = xp.clip((score - lowest) / own(span), 0, 1)
    if bool(xp.any(flat)):
        above = score >= lowest if subtract_minimum else score > lowest
        u = xp.where(own(flat), xp.full_like(u, 0.5) if parity else xp.astype(above, u.dtype), u)
    return xp.where(alive if parity else alive & (score != 0), u, xp.zeros_like(u))


def survive(
    reserve: Array, u: Array, *, rho: float, bonus: float, kappa: float, gamma: float, elimination: float = 1.0
) -> Array:
    """One step of the reserve: C <- gamma C + delta kappa, delta = 2 U - rho, plus `bonus` where that is positive.

    Arguments
        reserve      (n,) float, 1    C
        u            (n,) float, 1    importance on [0, 1]
        rho          float, 1         price of a day; U above rho / 2 earns
        bonus        float, 1         added where delta > 0: one good day outweighs many bad ones
        kappa        float, day       stakes of this step: `annealing`, or `stakes` for a step that is not one day
        gamma        float, 1         share of the reserve kept over this step
        elimination  float, 1         multiplies negative delta only: 0 spares all, above 1 prunes more
    Returns
        (n,) float, 1
    Source
        DPAP reference code, mask_model.py 134-170. `elimination` is ours (dial of the pathology protocols).
    """
    xp = array_namespace(reserve)
    delta = 2 * u - rho
    delta = xp.where(delta > 0, delta + bonus, elimination * delta)
    return gamma * reserve + kappa * delta


def annealing(day: float, *, start: float, eta: float, kind: str = "staircase") -> float:
    """How high the stakes are on a developmental day: 0 before `start`, then exp(-x), x = (day - start) / eta.

    Arguments
        day    float, day    age at the beginning of the day; the day counts as a whole
        start  float, day    first age at which reserves change
        eta    float, day    how fast the stakes fall
        kind   str           "staircase" takes floor(x), as the reference code; "smooth" takes x itself
    Returns
        float, 1
    Raises
        ValueError           another kind, or eta not positive
    Source
        DPAP reference code, mask_model.py 134-170, whose int() makes the staircase. It is load-bearing: "smooth"
        has 0.66 of the sum, and with the code's other constants its convolutional layers never prune.
    """
    if kind not in ("staircase", "smooth") or eta <= 0:
        raise ValueError(f'annealing is "staircase" or "smooth" with eta > 0 day, got {kind!r}, eta = {eta} day')
    if day < start:
        return 0.0
    steps = (day - start) / eta
    return math.exp(-math.floor(steps + 1e-9) if kind == "staircase" else -steps)


def stakes(age: float, days: float, *, start: float, eta: float, gamma: float, kind: str) -> float:
    """The kappa of a step of any length: what daily steps of `survive` with the same delta would add up to.

    Arguments
        age    float, day    age at the beginning of the step
        days   float, day    length of the step, >= 0
        start, eta, kind     as in `annealing`
        gamma  float, 1      share of the reserve kept over one day
    Returns
        float, day           use it with gamma ** days; equal to `annealing` for one whole day
    Source
        ours. DPAP counts epochs and we read one epoch as one day: kappa is constant within a day (counted from
        `start`), and a part of a day counts (1 - gamma^part) / (1 - gamma), so that two half steps are one step.
        The score is taken as constant over the step.
    """
    total, now, end = 0.0, max(age, start), age + days
    while now < end - 1e-9:
        today = start + math.floor(now - start + 1e-9)
        later = min(today + 1, end)
        share = later - now if gamma == 1 else (1 - gamma ** (later - now)) / (1 - gamma)
        total += gamma ** (end - later) * share * annealing(today, start=start, eta=eta, kind=kind)
        now = later
    return total


def survival_rule(*, kind: str = "staircase", within: str = "layer", with_activity: bool = False) -> Rule:
    """The rule on synapses: column `score` moves column `reserve`.

    Arguments
        kind           "staircase" | "smooth"    as in `annealing`
        within         "layer" | "neuron"        synapses compete in the whole projection, or for each target neuron
        with_activity  bool                      elimination is active: it also scales with the postsynaptic rate
                                                 over `baseline_rate` (Zuo et al. 2005: less input, less loss)
    """

    def step(proj, act, p, rng):
        syn, n_post = proj.synapses, len(proj.target)
        group = {"group": syn.post, "n_groups": n_post} if within == "neuron" else {}
        u = u_scores(
            syn.score, percentile=p.percentile, subtract_minimum=p.subtract_minimum > 0, alive=syn.alive, **group
        )
        elimination = p.elimination
        if with_activity:
            elimination = elimination * float(act.post.count.sum()) / (n_post * act.seconds * p.baseline_rate)
        return proj.replace(reserve=_stepped(syn.reserve, u, act, p, p.rho, p.bonus, elimination, kind))

    needs = {"rho": "1", "bonus": "1", "reserve_start": "1", "subtract_minimum": "1", **SHARED}
    return Rule(
        step, needs={**needs, "baseline_rate": "Hz"} if with_activity else needs, synapse={"reserve": "reserve_start"}
    )


def neuron_survival_rule(*, kind: str = "staircase") -> Rule:
    """The rule on postsynaptic neurons: column `density` moves column `reserve_neuron`; list it for one projection."""

    def step(proj, act, p, rng):
        target = proj.target
        u = u_scores(target.density, percentile=p.percentile, alive=target.alive)
        reserve = _stepped(target.reserve_neuron, u, act, p, p.rho_neuron, p.bonus_neuron, p.elimination, kind)
        return proj.replace_target(reserve_neuron=reserve)

    needs = {"rho_neuron": "1", "bonus_neuron": "1", "reserve_neuron_start": "1", **SHARED}
    return Rule(step, needs=needs, neuron={"reserve_neuron": "reserve_neuron_start"})


def _stepped(reserve, u, act, p, rho, bonus, elimination, kind):
    before = act.age - act.days
    kappa = stakes(before, act.days, start=p.survival_start, eta=p.eta, gamma=p.gamma, kind=kind)
    if kappa == 0:
        return reserve  # before the start, reserves wait
    kept = p.gamma ** min(act.days, act.age - p.survival_start)
    return survive(reserve, u, rho=rho, bonus=bonus, kappa=kappa, gamma=kept, elimination=elimination)


SHARED = {"eta": "day", "gamma": "1", "survival_start": "day", "percentile": "1", "elimination": "1"}
SURVIVAL = survival_rule()
SURVIVAL_SMOOTH = survival_rule(kind="smooth")
SURVIVAL_PER_NEURON = survival_rule(within="neuron")
SURVIVAL_WITH_ACTIVITY = survival_rule(with_activity=True)
NEURON_SURVIVAL = neuron_survival_rule()
NEURON_SURVIVAL_SMOOTH = neuron_survival_rule(kind="smooth")
