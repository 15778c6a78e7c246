"""STDS: spines that are too thin carry nothing, and what counts as thin grows: w = sign(theta) relu(|theta| - d).

The paper's: this soft threshold on a latent value theta, d growing along half a sine to its final width, the gradient
passed to theta also below d, so that a filopodium (|theta| <= d) can become a spine again. The reference code does the
same at every step of training ("stmod", "sine"). Ours: d grows once an epoch and is as wide as it will be at
`prune_end`; a unit that no spine reaches is silent for good, which there lives on its norm; the classifier is left
alone. How much is pruned follows from the width and the data: no share is asked for.
"""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from dpap_bio.deep.methods.method import Method


def thin(age: float, *, width: float, prune_end: float) -> float:
    """How thick a spine must be after an epoch: width / 2 (1 + sin(pi (x - 1/2))), x = age / prune_end, 1 at most.

    Source
        STDS reference code, train.py: sineInc; widths of 1 to 5 there, over 2048 epochs
    """
    return width * (1 + math.sin(math.pi * (min(1.0, age / prune_end) - 0.5))) / 2


def _step(layers, p, rng):
    found = {}
    for name, view in layers.items():
        w = view.projection.synapses.w
        d = array_namespace(w).full_like(w, thin(view.activity.age, width=p.spine_width, prune_end=p.prune_end))
        found[name] = view.projection.replace(above=d, below=d)
    return found


STDS = Method(_step, needs={"spine_width": "1", "prune_end": "day"}, synapse={"above": 0.0, "below": 0.0},
              grain="weight", final=False, latent=True)
