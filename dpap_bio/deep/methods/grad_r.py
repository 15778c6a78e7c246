"""Grad R: every synapse keeps the sign it was born with; its strength may fall below 0, and then it is absent.

w = s relu(strength): the gradient moves the strength also while it is negative, so that an absent synapse can return.
A Laplacian prior of centre mu = ln(2 (1 - p)) / alpha pulls strengths towards it, p the share that is to be absent; it
promises p only where the data say nothing.
The paper's: signs, strengths, gradient and prior. The reference code's: the prior moves a strength by alpha times the
learning rate at every step, outside of Adam's moments. Ours: it does so once an epoch, by alpha times the sum of the
epoch's learning rates, so that it fades with them; a unit that nothing reaches is silent for good; the classifier is
left alone; weight decay, 0 in the reference code, is the protocol's.
"""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from dpap_bio.deep.methods.method import Method


def prior_centre(share: float, alpha: float) -> float:
    """Centre of the Laplacian prior with rate alpha of which `share` lies below 0: ln(2 (1 - share)) / alpha.

    Source
        Grad R reference code, gradrewire.py; for a share of at least one half
    """
    if not 0.5 <= share < 1 or alpha <= 0:
        raise ValueError(f"Grad R wants a final_sparsity in [0.5, 1) and a prior_alpha above 0, got {share}, {alpha}")
    return math.log(2 * (1 - share)) / alpha


def _step(layers, p, rng):
    centre, found = prior_centre(p.final_sparsity, p.prior_alpha), {}
    for name, view in layers.items():
        syn = view.projection.synapses
        xp = array_namespace(syn.w)
        sign = xp.where(syn.above == 0, xp.ones_like(syn.w), -xp.ones_like(syn.w))
        strength = sign * syn.w
        strength = strength - p.prior_alpha * view.learned * xp.sign(strength - centre)
        found[name] = view.projection.replace(w=sign * strength)
    return found


def _above(w):
    """What a synapse must exceed to be excitatory: 0 for those born so, no bound is enough for the others."""
    return array_namespace(w).where(w >= 0, 0.0, math.inf)


def _below(w):
    return array_namespace(w).where(w >= 0, math.inf, 0.0)


GRAD_R = Method(_step, start=lambda layers, p, rng: {}, synapse={"above": _above, "below": _below}, grain="weight",
                final=False, latent=True,
                needs={"final_sparsity": "1", "prior_alpha": "1"})
