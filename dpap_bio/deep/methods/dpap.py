"""DPAP: filters, units and synapses live on a reserve that rises with importance and falls without it.

The score, density, reserve and death are those of `rules/`; an epoch is a developmental day. Conv layers lose whole
filters, hidden fc layers units and single synapses, as in the reference code. What is corrected against that code is
listed in `docs/deep.md`. `dpap_delivered` is ours: fc synapses are scored by what they deliver; filters as ever.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

from dpap_bio.deep.methods.method import LayerView, Method
from dpap_bio.network import Projection
from dpap_bio.rules import RULES
from dpap_bio.rules.importance import kept_share, remember, spine_density

SHARED = {"gamma": "1", "survival_start": "day", "percentile": "1", "elimination": "1", "reserve_start": "1",
          "subtract_minimum": "1", "score_memory": "day", "threshold_memory": "day", "threshold_power": "1",
          "threshold_scale": "1", "trace_decay": "1", "keep_synapses": "1", "keep_neurons": "1"}
OF_KIND = {"rho_conv": "1", "bonus_conv": "1", "eta_conv": "day", "rho_unit": "1", "bonus_unit": "1", "eta_fc": "day",
           "rho_synapse": "1", "bonus_synapse": "1"}


def delivered_score(w, fresh, by_chance):
    """What BCM would do with the current that a synapse delivers: sum of y (y - theta) (w x - E[w x]).

    Arguments
        w          (n_syn,) float, 1    signed weights
        fresh      (n_syn,) float, 1    sum of y (y - theta) x over the samples of an epoch
        by_chance  (n_syn,) float, 1    the sum of y (y - theta) times the mean of x
    Returns
        (n_syn,) float, 1               over the synapses of a unit they add up to the covariance of its BCM term with
                                        its own current; 0 for a synapse that delivers nothing or always the same
    Source
        ours. The reference code's score, E[y (y - theta) x], is Var(y) E[x] plus a covariance; where x never changes
        sign the first term rules, and it knows of the synapse no more than how active its source is.
    """
    return w * (fresh - by_chance)


def assess(proj: Projection, p, *, delivered: bool = False) -> Projection:
    """Add the epoch's score and use to what is remembered of them, and rate each unit by both."""
    syn, target = proj.synapses, proj.target
    fresh = delivered_score(syn.w, syn.fresh, syn.fresh_by_chance) if delivered else syn.fresh
    n, kept = float(target.samples[0]), kept_share(1.0, p.score_memory)
    score, score_weight = remember(syn.score, syn.score_weight, fresh, n, kept=kept)
    use, use_weight = remember(target.use, target.use_weight, target.fresh_use, n, kept=kept)
    density = spine_density(score, use, syn.post, syn.alive, target.alive)
    proj = proj.replace(score=score, score_weight=score_weight)
    return proj.replace_target(use=use, use_weight=use_weight, density=density)


def dpap(*, smooth: bool = False, delivered: bool = False) -> Method:
    """The method; `smooth` anneals the stakes without steps, `delivered` scores fc synapses by what they deliver."""
    ending = "_smooth" if smooth else ""
    of_units = [f"neuron_survival{ending}", "prune_neurons"]
    of_synapses = [f"survival{ending}", "prune_synapses"]

    def step(layers, p, rng):
        found = {}
        for name, view in layers.items():
            rules = of_units if view.kind == "conv" else [*of_units, *of_synapses]
            found[name] = _ruled(view, rules, p, rng, delivered and view.kind == "fc")
        return found

    return Method(step, needs={**SHARED, **OF_KIND}, sees="bcm", final=True,
                  synapse={"score": 0.0, "score_weight": 0.0, "reserve": "reserve_start"},
                  neuron={"threshold_bcm": 0.0, "threshold_weight": 0.0, "use": 0.0, "use_weight": 0.0, "density": 0.0,
                          "reserve_neuron": "reserve_start"})


def _ruled(view: LayerView, rules: list[str], p, rng, delivered: bool) -> Projection:
    conv = view.kind == "conv"
    mine = SimpleNamespace(**{n: getattr(p, n) for n in SHARED}, rho=p.rho_synapse, bonus=p.bonus_synapse,
                           rho_neuron=p.rho_conv if conv else p.rho_unit, eta=p.eta_conv if conv else p.eta_fc,
                           bonus_neuron=p.bonus_conv if conv else p.bonus_unit)
    mine.keep_synapses, mine.keep_neurons = int(p.keep_synapses), int(p.keep_neurons)
    proj = assess(view.projection, p, delivered=delivered)
    activity = replace(view.activity, seconds=1.0)
    for rule in rules:
        proj = RULES[rule].step(proj, activity, mine, rng)
    return proj


DPAP = dpap()
DPAP_SMOOTH = dpap(smooth=True)
DPAP_DELIVERED = dpap(delivered=True)
