"""DPAP as its reference code does it, slips included: for comparison with published numbers, never for use.

What differs from `dpap.py`: scores sum up from epoch 0 and never fade; one BCM threshold per place in a batch;
an analog image enters the score with its sign; a layer whose scores are mostly equal gets 0.5 everywhere; the dead are
ranked along with the living; reserves of the dead go on moving; weights of the dead are set to 0 after an epoch and
train on in the next; norm, bias, outgoing weights and the optimiser do not know.
"""

from __future__ import annotations

from array_api_compat import array_namespace

from dpap_bio.arrays import sum_by
from dpap_bio.deep.methods.dpap import OF_KIND
from dpap_bio.deep.methods.method import LayerView, Method
from dpap_bio.network import Projection
from dpap_bio.rules.survival import annealing, survive, u_scores

NEEDS = {"gamma": "1", "survival_start": "day", "percentile": "1", "reserve_start": "1", "trace_decay": "1", **OF_KIND}


def half_range(values):
    """(z - min) / (max - min), and 0.5 everywhere where all are equal.

    Source
        DPAP reference code, utils.py 25-36
    """
    xp = array_namespace(values)
    low, high = xp.min(values), xp.max(values)
    return (values - low) / (high - low) if high > low else xp.full_like(values, 0.5)


def _step(layers, p, rng):
    return {name: _one(view, p) for name, view in layers.items()}


def _one(view: LayerView, p) -> Projection:
    proj, conv = view.projection, view.kind == "conv"
    syn, target = proj.synapses, proj.target
    score, use = syn.score + syn.fresh, target.use + target.fresh_use
    density = half_range(sum_by(score, syn.post, len(target))) * half_range(use)
    rho, bonus, eta = (p.rho_conv, p.bonus_conv, p.eta_conv) if conv else (p.rho_unit, p.bonus_unit, p.eta_fc)
    reserve = target.reserve_neuron
    units, alive = target.alive, syn.alive
    if view.activity.epoch >= p.survival_start:
        xp = array_namespace(score)
        kappa = annealing(view.activity.epoch, start=p.survival_start, eta=eta)
        reserve = survive(reserve, _u(density, p), rho=rho, bonus=bonus, kappa=kappa, gamma=p.gamma)
        units = units & (reserve >= 0)
        alive = alive & xp.take(units, syn.post)
        if not conv:
            of_synapse = survive(syn.reserve, _u(score, p), rho=p.rho_synapse, bonus=p.bonus_synapse, kappa=kappa,
                                 gamma=p.gamma)
            alive = alive & (of_synapse >= 0)
            proj = proj.replace(reserve=of_synapse)
    proj = proj.replace(score=score, alive=alive)
    return proj.replace_target(use=use, density=density, reserve_neuron=reserve, alive=units)


def _u(score, p):
    return u_scores(score, percentile=p.percentile, parity=True)


DPAP_PARITY = Method(_step, needs=NEEDS, sees="bcm_slots", enforced=False,
                     synapse={"score": 0.0, "reserve": "reserve_start"},
                     neuron={"use": 0.0, "density": 0.0, "reserve_neuron": "reserve_start"})
