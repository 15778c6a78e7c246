"""Spine size: relaxation towards recent use, and the fluctuations that go on without any activity.

Sizes are relative to a mature spine (its median is 1). On the developmental clock, in days; the mechanism `spine` of
the models does the same within an epoch, so a model has one or the other.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import like
from dpap_bio.rules.importance import coincidence
from dpap_bio.rules.rule import Rule
from dpap_bio.rules.survival import u_scores

Array = Any


def spine_step(size: Array, drive: Array, *, dt: float, tau_spine: float) -> Array:
    """Relax every spine towards its drive: d(size)/dt = (drive - size) / tau_spine.

    Arguments
        size       (n_syn,) float, 1    spine size relative to a mature spine
        drive      (n_syn,) float, 1    target set by recent use, in [0, 1]
        dt         float, day           developmental time since the last step, >= 0
        tau_spine  float, day           decay constant; smaller forgets faster
    Returns
        (n_syn,) float, 1               size after dt, same array library as `size`
    Raises
        ValueError                      tau_spine is not positive
    Source
        exact solution of the line above; the value of tau_spine is the model file's.
    """
    if tau_spine <= 0:
        raise ValueError(f"tau_spine must be positive, got {tau_spine} day")
    kept = math.exp(-dt / tau_spine)
    return kept * size + (1 - kept) * drive


def fluctuation_step(size: Array, noise: Array, *, dt: float, tau_fluctuation: float, spread: float) -> Array:
    """Let the logarithm of every size wander around 0: dx = -x dt / tau + spread sqrt(2 / tau) dW, x = ln(size).

    Arguments
        size             (n_syn,) float, 1    spine size relative to the median, > 0
        noise            (n_syn,) float, 1    standard normal numbers, one for each
        dt               float, day           developmental time since the last step
        tau_fluctuation  float, day           how long a size is remembered, > 0
        spread           float, 1             standard deviation of ln(size) when nothing is removed
    Returns
        (n_syn,) float, 1                     exact for any dt; always positive, log-normal in the long run
    Source
        Ornstein-Uhlenbeck process on ln(size): changes are in proportion to size (Loewenstein et al. 2011), go on
        with activity blocked (Yasumatsu et al. 2008) and keep the distribution log-normal.
    """
    xp = array_namespace(size)
    kept = math.exp(-dt / tau_fluctuation)
    return xp.exp(kept * xp.log(size) + spread * math.sqrt(1 - kept**2) * noise)


def _spine(proj, act, p, rng):
    syn = proj.synapses
    together = coincidence(act.pre.trace, act.post.trace, syn.pre, syn.post)
    drive = u_scores(together, percentile=p.percentile, subtract_minimum=False, alive=syn.alive)
    return proj.replace(spine=spine_step(syn.spine, drive, dt=act.days, tau_spine=p.tau_spine))


def _fluctuation(proj, act, p, rng):
    size = proj.synapses.spine
    noise = like(rng.standard_normal(size.shape[0]), size)
    options = {"tau_fluctuation": p.tau_fluctuation, "spread": p.spine_spread}
    return proj.replace(spine=fluctuation_step(size, noise, dt=act.days, **options))


def _prune_spines(proj, act, p, rng):
    syn = proj.synapses
    return proj.replace(alive=syn.alive & (syn.spine >= p.spine_threshold))


SPINE = Rule(
    _spine, needs={"tau_spine": "day", "percentile": "1", "spine_start": "1"}, synapse={"spine": "spine_start"}
)
SPINE_FLUCTUATION = Rule(
    _fluctuation,
    needs={"tau_fluctuation": "day", "spine_spread": "1", "spine_start": "1"},
    synapse={"spine": "spine_start"},
)
PRUNE_SPINES = Rule(_prune_spines, needs={"spine_threshold": "1", "spine_start": "1"}, synapse={"spine": "spine_start"})
