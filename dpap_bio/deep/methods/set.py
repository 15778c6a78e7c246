"""SET, sparse evolutionary training: sparse from birth; each epoch the smallest weights die and as many are born.

The paper's: an Erdos-Renyi start, a share zeta of each layer's smallest weights replaced after every epoch at random
places, the number of synapses constant. The spiking version (ESL-SNN) is the same idea. Ours: kernels count with their
sides in the start density, as in RigL; the newborn start at weight 0 with fresh moments; no wiring changes after
`prune_end`, so that the last newborn can learn.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from dpap_bio.deep.methods.method import Method
from dpap_bio.deep.methods.rewire import rewired, sparse_start


def _step(layers, p, rng):
    if next(iter(layers.values())).activity.age > p.prune_end:
        return {}
    return {name: rewired(view, p.rewired_share, _equal(view.projection), rng) for name, view in layers.items()}


def _equal(proj):
    return array_namespace(proj.synapses.w).zeros_like(proj.synapses.w)


SET = Method(_step, start=sparse_start, needs={"final_sparsity": "1", "rewired_share": "1", "prune_end": "day"},
             grain="weight", final=False)
