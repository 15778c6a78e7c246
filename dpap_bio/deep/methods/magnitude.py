"""Magnitude pruning: the smallest weights of all layers go, on a cubic schedule, and stay away."""

from __future__ import annotations

from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like
from dpap_bio.deep.methods.method import Method
from dpap_bio.network import Projection

SCHEDULE = {"final_sparsity": "1", "prune_start": "day", "prune_end": "day"}


def cubic_sparsity(epoch: float, *, final_sparsity: float, prune_start: float, prune_end: float) -> float:
    """The share pruned after an epoch: s_f (1 - (1 - x)^3), x from 0 before prune_start to 1 at prune_end.

    Source
        Zhu & Gupta 2017, used by the criticality-guided reference code
    """
    x = (epoch - prune_start) / (prune_end - prune_start) if prune_end > prune_start else float(epoch >= prune_end)
    return final_sparsity * (1 - (1 - min(1.0, max(0.0, x))) ** 3)


def budget(layers, p) -> int:
    """How many synapses of all prunable layers may live after this epoch."""
    age = next(iter(layers.values())).activity.age
    share = cubic_sparsity(age, final_sparsity=p.final_sparsity, prune_start=p.prune_start, prune_end=p.prune_end)
    return round((1 - share) * sum(view.full for view in layers.values()))


def joined(projections, value):
    """One array of value(projection) over all layers, and of who is alive."""
    xp = array_namespace(next(iter(projections.values())).synapses.w)
    return (xp.concat([value(proj) for proj in projections.values()]),
            xp.concat([proj.synapses.alive for proj in projections.values()]))


def parted(projections, alive) -> dict[str, Projection]:
    """Give each layer its part of one array of who is alive."""
    found, start = {}, 0
    for name, proj in projections.items():
        found[name] = proj.replace(alive=alive[start : start + len(proj.synapses)])
        start += len(proj.synapses)
    return found


def size(proj: Projection):
    """How large each weight is."""
    return array_namespace(proj.synapses.w).abs(proj.synapses.w)


def _step(layers, p, rng):
    projections = {name: view.projection for name, view in layers.items()}
    value, alive = joined(projections, size)
    return parted(projections, largest(value, budget(layers, p), alive, like(rng.random(value.shape[0]), value)))


MAGNITUDE = Method(_step, needs=SCHEDULE, grain="weight")
