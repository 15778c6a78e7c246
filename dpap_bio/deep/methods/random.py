"""Random pruning to the same numbers as another arm, epoch by epoch: what any method must beat."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_

from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like
from dpap_bio.deep.methods.method import Method
from dpap_bio.rules import RULES


def _synapses(layers, p, rng):
    return {name: RULES["random"].step(v.projection, v.activity, p, rng) for name, v in layers.items()}


def _units_first(layers, p, rng):
    """Choose units, then synapses among what is left between living units."""
    found = {}
    for name, view in layers.items():
        proj = view.projection
        xp, target = array_namespace(proj.synapses.w), proj.target
        if view.quota_units is not None:
            value = like(rng.random(len(target)), proj.synapses.w)
            proj = proj.replace_target(alive=largest(value, view.quota_units, target.alive))
        living = [found[each].target.alive for each in view.hears]
        sent = xp.take(reduce(or_, living), proj.source.unit) if living else proj.source.alive
        ends = xp.take(sent, proj.synapses.pre) & xp.take(proj.target.alive, proj.synapses.post)
        proj = proj.replace(alive=proj.synapses.alive & ends)
        found[name] = RULES["random"].step(proj, replace(view.activity), p, rng)
    return found


RANDOM = Method(_synapses, grain="weight", quota=True)
RANDOM_UNITS = Method(_units_first, grain="kernel", quota=True)
