"""Computed experiments by name: published models run as they were written, DPAP's rules beside them."""

from __future__ import annotations

from dpap_bio.complaint import did_you_mean
from dpap_bio.experiments.bcm_selectivity import BCM_SELECTIVITY
from dpap_bio.experiments.experiment import Experiment
from dpap_bio.experiments.minimal_value_deletion import MINIMAL_VALUE_DELETION
from dpap_bio.experiments.ocular_dominance import OCULAR_DOMINANCE
from dpap_bio.experiments.pruning_schedule import PRUNING_SCHEDULE
from dpap_bio.experiments.spine_turnover import SPINE_TURNOVER
from dpap_bio.experiments.whisker_trimming import WHISKER_TRIMMING

EXPERIMENTS: dict[str, Experiment] = {
    "minimal_value_deletion": MINIMAL_VALUE_DELETION,
    "bcm_selectivity": BCM_SELECTIVITY,
    "ocular_dominance": OCULAR_DOMINANCE,
    "spine_turnover": SPINE_TURNOVER,
    "whisker_trimming": WHISKER_TRIMMING,
    "pruning_schedule": PRUNING_SCHEDULE,
}


def find_experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises
        ValueError   there is none; one sentence with the likely one
    """
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"there is no experiment {name!r}{did_you_mean(name, EXPERIMENTS)}; there are {known}")
    return EXPERIMENTS[name]
