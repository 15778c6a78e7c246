"""What training at a fixed density shares: a sparse start, and as many born in a layer as die. Used by SET and RigL."""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like
from dpap_bio.deep.methods.magnitude import size
from dpap_bio.deep.methods.method import LayerView
from dpap_bio.network import Projection


def layer_densities(shapes, density: float) -> list[float]:
    """The density of each layer at a given density of all: proportional to the sum over the product of its sizes.

    Arguments
        shapes   list of (out, in) or (out, in, k, k)
        density  float, 1    of all layers together, in (0, 1]
    Returns
        list of float, 1     a layer that would get more than 1 is full, the others share what is left
    Source
        Erdos-Renyi of SET (Mocanu et al. 2018), with the kernel's sides as in RigL (Evci et al. 2020)
    """
    full = [math.prod(shape) for shape in shapes]
    raw, found = [sum(shape) / math.prod(shape) for shape in shapes], [0.0] * len(shapes)
    dense: set[int] = set()
    while len(dense) < len(shapes):
        sparse = [k for k in range(len(shapes)) if k not in dense]
        left = density * sum(full) - sum(full[k] for k in dense)
        scale = left / sum(raw[k] * full[k] for k in sparse)
        for k in sparse:
            found[k] = min(1.0, scale * raw[k])
        over = [k for k in sparse if scale * raw[k] > 1]
        if not over:
            break
        dense.update(over)
    return found


def sparse_start(layers, p, rng) -> dict[str, Projection]:
    """Give each layer its share of synapses, chosen by chance, before the first epoch."""
    shapes = [_shape(view.projection) for view in layers.values()]
    found = {}
    for (name, view), share in zip(layers.items(), layer_densities(shapes, 1 - p.final_sparsity), strict=True):
        w, alive = size(view.projection), view.projection.synapses.alive
        chosen = largest(w * 0, round(share * len(alive)), alive, like(rng.random(len(alive)), w))
        found[name] = view.projection.replace(alive=chosen)
    return found


def rewired(view: LayerView, share: float, wanted, rng) -> Projection:
    """Let the given share of a layer's synapses die, smallest weights first, and as many of the absent be born.

    Arguments
        share   float, 1          of the living synapses
        wanted  (n_syn,) float    the largest are born; equals by chance. Who has just died may come back, at weight 0
    """
    proj = view.projection
    xp, alive = array_namespace(wanted), proj.synapses.alive
    n = int(xp.sum(xp.astype(alive, xp.int64)))
    dying = min(math.floor(share * n), len(alive) - n)
    tie = like(rng.random(len(alive)), wanted)
    kept = largest(size(proj), n - dying, alive, tie)
    return proj.replace(alive=kept | largest(wanted, dying, ~kept, tie))


def _shape(proj: Projection) -> tuple[int, ...]:
    """(out, in), or (out, in, k, k) where a synapse is one number of a kernel."""
    n_out, n_in = len(proj.target), len(proj.source)
    side = math.isqrt(len(proj.synapses) // (n_out * n_in))
    return (n_out, n_in) if side == 1 else (n_out, n_in, side, side)
