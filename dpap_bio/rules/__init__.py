"""The slow rules by the names that model files use; anybody's own rule by its import path."""

from __future__ import annotations

from importlib import import_module

from dpap_bio.rules import (
    controls,
    criticality,
    cut,
    grow,
    importance,
    prune,
    regrow,
    scaling,
    spine,
    spine_range,
    survival,
    trophic,
)
from dpap_bio.rules.rule import Activity, Firing, Rule

__all__ = ["RULES", "Activity", "Firing", "Rule", "find_rule"]

RULES = {
    "importance": importance.IMPORTANCE,
    "survival": survival.SURVIVAL,
    "survival_smooth": survival.SURVIVAL_SMOOTH,
    "survival_per_neuron": survival.SURVIVAL_PER_NEURON,
    "survival_with_activity": survival.SURVIVAL_WITH_ACTIVITY,
    "neuron_survival": survival.NEURON_SURVIVAL,
    "neuron_survival_smooth": survival.NEURON_SURVIVAL_SMOOTH,
    "prune_synapses": prune.PRUNE_SYNAPSES,
    "prune_neurons": prune.PRUNE_NEURONS,
    "grow": grow.GROW,
    "grow_no_autapses": grow.GROW_NO_AUTAPSES,
    "regrow": regrow.REGROW,
    "regrow_no_autapses": regrow.REGROW_NO_AUTAPSES,
    "trophic": trophic.TROPHIC,
    "spine": spine.SPINE,
    "spine_fluctuation": spine.SPINE_FLUCTUATION,
    "prune_spines": spine.PRUNE_SPINES,
    "spine_range": spine_range.SPINE_RANGE,
    "criticality": criticality.CRITICALITY,
    "criticality_no_autapses": criticality.CRITICALITY_NO_AUTAPSES,
    "scaling": scaling.SCALING,
    "rate_scaling": scaling.RATE_SCALING,
    "random": controls.RANDOM,
    "smallest_weight": controls.SMALLEST_WEIGHT,
    "least_active_target": controls.LEAST_ACTIVE_TARGET,
    "least_active_source": controls.LEAST_ACTIVE_SOURCE,
    "cut": cut.CUT,
    "cut_by_chance": cut.CUT_BY_CHANCE,
    "make_up": cut.MAKE_UP,
    "none": controls.NONE,
}


def find_rule(name: str) -> Rule:
    """The rule of that name, or of that import path "package.module:NAME".

    Arguments
        name  str     a key of RULES, or where to import a Rule from
    Returns
        Rule
    Raises
        ValueError    no such name, module or attribute, or it is not a Rule; says which in one sentence
    """
    if name in RULES:
        return RULES[name]
    if ":" not in name:
        raise ValueError(f'no rule {name!r}; there are {", ".join(RULES)}, or give "package.module:NAME"')
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a module may fail in any way when it is imported
        raise ValueError(f"rule {name!r} cannot be imported: {error}") from error
    if not isinstance(found, Rule):
        raise ValueError(f"rule {name!r} is a {type(found).__name__}, wanted a dpap_bio Rule")
    return found
