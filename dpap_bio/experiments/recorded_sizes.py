"""Recorded sizes of synapses: PSD-95 of excitatory synapses on dendrites of the living cortex."""

from __future__ import annotations

import numpy as np

from dpap_bio.datasets_files import find

_FOLDER = "synapse_psd95_melander2021"


def psd95(cells: str = "pyr") -> list[np.ndarray]:
    """PSD-95 of the synapses on each dendrite, those without any left out.

    Arguments
        cells  "pyr" | "pv"        pyramidal cells or parvalbumin-positive interneurons
    Returns
        list of (n_syn,) float     fluorescence, arbitrary unit, one array a dendrite; empty if the data are absent
    Raises
        ValueError                 a file is damaged
    """
    try:
        folder = find(_FOLDER) / "weights_by_dendrite" / f"all_raw_{cells}_green"
    except FileNotFoundError:
        return []
    found = []
    for path in sorted(folder.glob("*.npy")):
        try:
            values = np.load(path, allow_pickle=False).astype(float).ravel()
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"{path} is damaged or not a table of sizes: {error}") from None
        found.append(values[values > 0])
    return found


def standardised_logs(sizes: list[np.ndarray]) -> np.ndarray:
    """ln(size) of all dendrites together, each dendrite to mean 0 and standard deviation 1; (n,) float, sorted."""
    logs = [np.log(s) for s in sizes]
    return np.sort(np.concatenate([(x - x.mean()) / x.std() for x in logs])) if logs else np.zeros(0)


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """The largest distance between two cumulative distributions (Kolmogorov-Smirnov); nan where one is empty."""
    if not len(first) or not len(second):
        return float("nan")
    at = np.concatenate([first, second])
    below = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (first, second)]
    return float(np.max(np.abs(below[0] - below[1])))
