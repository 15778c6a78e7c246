"""RigL: as SET, but born is where the loss would fall fastest, and ever fewer are rewired.

The paper's: growth by the magnitude of the gradient by absent weights, the rewired share falling along half a cosine
to 0 at `prune_end`, kernels counted in the start density, the newborn at weight 0. Ours: the gradient is that of 20
batches of training images, with norms as in use, once an epoch instead of one batch every 100 steps; absent units are
asked too.
"""

from __future__ import annotations

import math

from dpap_bio.deep.methods.method import Method
from dpap_bio.deep.methods.rewire import rewired, sparse_start


def falling_share(age: float, *, rewired_share: float, prune_end: float) -> float:
    """The share of synapses that is rewired: s / 2 (1 + cos(pi age / end)), 0 from the end on.

    Source
        Evci et al. 2020: s = 0.3, the end at three quarters of the training
    """
    return rewired_share * (1 + math.cos(math.pi * min(1.0, age / prune_end))) / 2


def _step(layers, p, rng):
    share = falling_share(next(iter(layers.values())).activity.age, rewired_share=p.rewired_share,
                          prune_end=p.prune_end)
    if share <= 0:
        return {}
    return {name: rewired(view, share, abs(view.projection.synapses.gradient), rng) for name, view in layers.items()}


RIGL = Method(_step, start=sparse_start, needs={"final_sparsity": "1", "rewired_share": "1", "prune_end": "day"},
              grain="weight", sees="gradient", final=False)
