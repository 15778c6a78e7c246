"""Static rate: the least active units of each layer go, on a cubic schedule, and stay away.

What a firing rate alone can tell: no trace, no BCM score, no reserve, no memory. After each epoch the spikes of every
unit are counted on training images, weights held still; units with the lowest rate die until the layer has as many as
the schedule says. No paper's method as it stands: firing rate is the usual criterion that structured pruning of
spiking networks is compared with, and activity that of channel pruning in networks without spikes. Ours are the
schedule, the ranking within each layer and the order of equals by chance.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from dpap_bio.arrays import largest, like
from dpap_bio.deep.methods.magnitude import SCHEDULE, cubic_sparsity
from dpap_bio.deep.methods.method import LayerView, Method


def _step(layers, p, rng):
    return {name: _most_active(view, p, rng) for name, view in layers.items()}


def _most_active(view: LayerView, p, rng):
    """Keep the units with the highest rates; `final_sparsity` is the share of each layer's units that goes."""
    target, syn = view.projection.target, view.projection.synapses
    share = cubic_sparsity(view.activity.age, final_sparsity=p.final_sparsity, prune_start=p.prune_start,
                           prune_end=p.prune_end)
    n = max(int(p.keep_neurons), round((1 - share) * view.full_units))
    alive = largest(target.rate, n, target.alive, like(rng.random(len(target)), target.rate))
    ends = array_namespace(alive).take(alive, syn.post)
    return view.projection.replace_target(alive=alive).replace(alive=syn.alive & ends)


STATIC_RATE = Method(_step, needs={**SCHEDULE, "keep_neurons": "1"}, sees="rate")
