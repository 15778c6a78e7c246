"""What a pruning method is: a step on all prunable layers at once, through the rules, and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from dpap_bio.network import Projection
from dpap_bio.rules.rule import Activity


@dataclass(frozen=True)
class LayerView:
    """One prunable layer as a method sees it, after an epoch.

    kind         "conv" or "fc"
    projection   its synapses and the units at both ends; source and target have `id` and `alive`
    activity     epoch, age in epochs (days) and the quota of synapses of a control; what the units did
    quota_units  how many units a control may keep, or None
    full         synapses of the layer at birth
    targets      living units of the layer after it, the classifier included
    full_units   units of the layer at birth
    learned      sum of the learning rates of the epoch's steps
    hears        the layers whose spikes it receives; none: the image
    """

    kind: str
    projection: Projection
    activity: Activity
    quota_units: int | None = None
    full: int = 0
    targets: int = 1
    full_units: int = 0
    learned: float = 0.0
    hears: tuple[str, ...] = ()


Step = Callable[[Mapping[str, LayerView], SimpleNamespace, np.random.Generator], Mapping[str, Projection]]


@dataclass(frozen=True)
class Method:
    """One way to prune.

    step     f(layers, p, rng) -> projections: marks `alive` of synapses and units, may change `w`; None: no pruning
    start    the same, before the first epoch: who is there at birth; None: everybody
    needs    parameter -> unit
    grain    "kernel": a synapse is a kernel or an fc weight; "weight": it is one number of a kernel
    latent   weights are latent, held back by the method's columns `above` and `below` (`latent.py`); nothing is masked
    enforced the dead stay at 0 while training goes on; only the reference code's own way does without
    sees     "bcm": BCM score and use of the epoch, columns `fresh`, `fresh_use`, `threshold_bcm`, `threshold_weight`,
             `samples`; "nearness": of each unit to threshold; "rate": spikes of each unit per step; "gradient": of the
             loss by each synapse, the dead included; "bcm_slots": score and use as the reference code gathers them;
             "": nothing
    synapse  column -> start value in a new synapse; a number, or f(layer view) -> (n_syn,) array
    neuron   column -> start value in each unit
    final    what died never returns: the network is made smaller at once
    of_steps f(importance of each time step, reserves, epoch, p) -> reserves, who lives; None: all steps are taken
    quota    it is a control that keeps as many as another arm
    """

    step: Step | None
    needs: Mapping[str, str] = field(default_factory=dict)
    grain: str = "kernel"
    sees: str = ""
    synapse: Mapping[str, object] = field(default_factory=dict)
    neuron: Mapping[str, object] = field(default_factory=dict)
    final: bool = True
    quota: bool = False
    enforced: bool = True
    latent: bool = False
    start: Step | None = None
    of_steps: Callable | None = None
