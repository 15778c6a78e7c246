"""Computed experiments by name: published models run as they were written, DPAP's rules beside them."""

from __future__ import annotations

from dpap_bio.complaint import did_you_mean
from dpap_bio.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {}


def find_experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises
        ValueError   there is none; one sentence with the likely one
    """
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"there is no experiment {name!r}{did_you_mean(name, EXPERIMENTS)}; there are {known}")
    return EXPERIMENTS[name]
