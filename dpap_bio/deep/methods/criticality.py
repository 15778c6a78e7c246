"""Criticality-guided pruning and regeneration: prune more than asked by magnitude, regrow where units are critical.

A unit is critical when its potential stays near threshold, where a small change of input decides. The score of an
absent synapse is the nearness of both its ends, each ranked within its layer (1 for the most critical unit, and for
every input): ranked, because raw nearness depends on depth and size of a layer; both ends, because with the target
alone whole filters come back at once. Exactly as many are born as asked for; equals are ordered by chance. They start
at weight 0 and must grow before the next epoch's end.
"""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like, rank
from dpap_bio.deep.methods.magnitude import SCHEDULE, budget, joined, parted, size
from dpap_bio.deep.methods.method import Method


def _step(layers, p, rng):
    projections = {name: view.projection for name, view in layers.items()}
    age = next(iter(layers.values())).activity.age
    if not p.prune_start < age <= p.prune_end:
        return {}
    left = budget(layers, p)
    born = math.floor(p.regrown_share * left)
    value, alive = joined(projections, size)
    tie = like(rng.random(value.shape[0]), value)
    kept = largest(value, left - born, alive, tie)
    score = _scores(layers, value)
    return parted(projections, kept | largest(score, born, ~kept, tie))


def _scores(layers, value):
    """The nearness of both ends of every synapse of every layer."""
    xp = array_namespace(value)
    found, before = [], None
    for view in layers.values():
        proj = view.projection
        near = xp.astype(rank(proj.target.nearness) + 1, value.dtype) / len(proj.target)
        of_post = xp.take(near, proj.synapses.post)
        sent = xp.ones(len(proj.source), dtype=value.dtype) if before is None else xp.take(before, proj.source.unit)
        found.append(of_post * xp.take(sent, proj.synapses.pre))
        before = near
    return xp.concat(found)


CRITICALITY = Method(_step, needs={**SCHEDULE, "regrown_share": "1"}, grain="weight", sees="nearness", final=False)
