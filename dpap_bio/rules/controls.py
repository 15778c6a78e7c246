"""What a pruning rule must beat: other ways to choose, at the same number of synapses.

A control keeps `activity.quota` synapses of the projection: the loop sets it, epoch by epoch, to what a reference run
had left. Without a quota a control does nothing. Equal values are ordered by chance, never by index.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like
from dpap_bio.rules.rule import Rule

Array = Any


def keep_best(value: Array, alive: Array, quota: int, tie: Array) -> Array:
    """Keep the `quota` live synapses with the largest value; fewer if fewer are alive.

    Arguments
        value  (n_syn,) float    what counts as worth keeping
        alive  (n_syn,) bool     the dead stay dead
        quota  int, >= 0         how many to keep
        tie    (n_syn,) float    order of equal values; random numbers
    Returns
        (n_syn,) bool            who is alive now: exactly min(quota, live) of them
    Raises
        ValueError               quota is negative
    """
    if quota < 0:
        raise ValueError(f"the number of synapses to keep must be 0 or more, got {quota}")
    return largest(value, quota, alive, tie)


def control(value: Callable) -> Rule:
    """The rule that keeps the synapses with the largest value(projection, activity), an (n_syn,) float array."""

    def step(proj, act, p, rng):
        if act.quota is None:
            return proj
        found = value(proj, act)
        tie = like(rng.random(found.shape[0]), found)
        return proj.replace(alive=keep_best(found, proj.synapses.alive, act.quota, tie))

    return Rule(step)


def _equal(proj, act):
    xp = array_namespace(proj.synapses.w)
    return xp.zeros_like(proj.synapses.w)


def _weight(proj, act):
    xp = array_namespace(proj.synapses.w)
    return xp.abs(proj.synapses.w)


def _rate_of_target(proj, act):
    return _spikes(act.post.count, proj.synapses.post, proj.synapses.w)


def _rate_of_source(proj, act):
    return _spikes(act.pre.count, proj.synapses.pre, proj.synapses.w)


def _spikes(count, index, w):
    xp = array_namespace(w)
    return xp.astype(xp.take(count, index), w.dtype)


NONE = Rule(lambda proj, act, p, rng: proj)
RANDOM = control(_equal)
SMALLEST_WEIGHT = control(_weight)
LEAST_ACTIVE_TARGET = control(_rate_of_target)
LEAST_ACTIVE_SOURCE = control(_rate_of_source)
