"""What a slow rule is: a pure step on one projection, and the parameters and columns it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from dpap_bio.network import Projection

Array = Any


@dataclass(frozen=True)
class Firing:
    """What the neurons of one population did in an epoch.

    count  (n_neu,) int              spikes in the epoch
    trace  (n_samples, n_neu) float  spike trace at the end of each presentation (deep side: each sample of a batch)
    """

    count: Array
    trace: Array


@dataclass(frozen=True)
class Activity:
    """What one epoch did, as one projection's rules see it.

    pre, post  Firing of the source and of the target neurons
    seconds    float, s    simulated time of the epoch
    days       float, day  developmental time the epoch stands for
    age        float, day  developmental age at the end of the epoch
    epoch      int         0-based number of the epoch
    quota      int         synapses of the projection that may live on, this epoch's newborn not counted; only control
                           rules read it, and the loop sets it from a reference run's record; None leaves all
    """

    pre: Firing
    post: Firing
    seconds: float
    days: float
    age: float
    epoch: int
    quota: int | None = None


@dataclass(frozen=True)
class Rule:
    """One slow rule: Projection, Activity -> Projection, with what it reads and what it keeps.

    step     f(projection, activity, p, rng) -> projection; `p` has one attribute per parameter in `needs`
    needs    parameter -> unit ("day", "1", "Hz", ...): the unit `p.<parameter>` arrives in
    synapse  column -> start value for every (new) synapse: a number or the name of a parameter
    neuron   column -> start value for every (new) postsynaptic neuron, likewise
    """

    step: Callable[[Projection, Activity, SimpleNamespace, np.random.Generator], Projection]
    needs: Mapping[str, str] = field(default_factory=dict)
    synapse: Mapping[str, float | str] = field(default_factory=dict)
    neuron: Mapping[str, float | str] = field(default_factory=dict)
