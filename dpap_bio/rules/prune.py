"""Mark as dead what has used up its reserve. `Network.compact` removes it; nothing is ever unmarked here.

A neuron that lost its last synapse is not killed: growth may reach it again. If it stays silent its density, then its
own reserve falls, and `prune_neurons` takes it where the model has that rule.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from dpap_bio.arrays import largest
from dpap_bio.rules.rule import Rule

Array = Any


def survivors(reserve: Array, alive: Array, *, keep_at_least: int) -> Array:
    """Who is alive after pruning: those with a reserve of 0 or more, but never fewer than `keep_at_least`.

    Arguments
        reserve        (n,) float, 1    survival reserve; below 0 is death
        alive          (n,) bool        who was alive; the dead stay dead, whatever their reserve has become
        keep_at_least  int              if fewer would be left, those with the largest reserves stay
    Returns
        (n,) bool
    Source
        DPAP reference code, mask_model.py 134-170 (death below 0, for good). The floor is ours: a layer in which
        every unit has the same low importance would vanish at once.
    """
    xp = array_namespace(reserve)
    left = alive & (reserve >= 0)
    if int(xp.sum(xp.astype(left, xp.int64))) >= keep_at_least:
        return left
    return largest(reserve, int(keep_at_least), alive)


def _prune_synapses(proj, act, p, rng):
    syn = proj.synapses
    return proj.replace(alive=survivors(syn.reserve, syn.alive, keep_at_least=p.keep_synapses))


def _prune_neurons(proj, act, p, rng):
    syn, target = proj.synapses, proj.target
    xp = array_namespace(syn.pre)
    alive = survivors(target.reserve_neuron, target.alive, keep_at_least=p.keep_neurons)
    return proj.replace_target(alive=alive).replace(alive=syn.alive & xp.take(alive, syn.post))


PRUNE_SYNAPSES = Rule(_prune_synapses, needs={"keep_synapses": "1"})
PRUNE_NEURONS = Rule(_prune_neurons, needs={"keep_neurons": "1"})
