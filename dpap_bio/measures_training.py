"""Measures of a training: accuracy at the final network, what was eliminated, and both against control arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dpap_bio import results_read as read

if TYPE_CHECKING:
    import xarray as xr

PARTS = ("train", "held_out", "test")
SIZES = ("weights", "units", "macs")


def accuracy(run: xr.DataTree, arm: str, seed: int, *, part: str = "test") -> float:
    """Share of a part that the network at the end of training gets right, in per cent; no earlier epoch is chosen."""
    value = float(read.table(run, arm, seed, "training").accuracy.sel(part=part)[-1])
    if not np.isfinite(value):
        raise read.NotApplicable(f"nothing was held out as {part}")
    return 100 * value


def eliminated(run: xr.DataTree, arm: str, seed: int, *, of: str = "weights") -> float:
    """Share of the weights, units or multiplications of the whole network that are gone at the end, in per cent.

    A weight is gone when it was pruned itself or when the unit at either of its ends is dead.
    """
    last = read.table(run, arm, seed, "training").isel(epoch=-1)
    return 100 * (1 - float(last[f"live_{of}"].sum()) / float(last[of].sum()))


def accuracy_difference(run: xr.DataTree, arm: str, *, over: str, part: str = "test") -> dict[int, float]:
    """Accuracy at the end minus that of another arm with the same seed, in points."""
    seeds = [s for s in read.seeds(run, arm) if s in read.seeds(run, over)]
    if not seeds:
        raise read.NotApplicable(f"arm {over} was not run at this size")
    return {s: accuracy(run, arm, s, part=part) - accuracy(run, over, s, part=part) for s in seeds}


def accuracy_lead(run: xr.DataTree, arm: str, *, over: str, part: str = "test") -> dict[int, float]:
    """Mean lead in accuracy over another arm, in units of the larger standard deviation over seeds of the two.

    Above 1 the lead is larger than what the choice of the seed does. It is one number: every seed carries it.
    """
    differences = accuracy_difference(run, arm, over=over, part=part)
    seeds = list(differences)
    if len(seeds) < 2:
        raise read.TooLittleData(f"{len(seeds)} seed has no spread, 2 are wanted")
    spread = max(np.std([accuracy(run, a, s, part=part) for s in seeds], ddof=1) for a in (arm, over))
    lead = float(np.mean(list(differences.values()))) / max(float(spread), 1e-9)
    return dict.fromkeys(seeds, lead)


def epochs_to(run: xr.DataTree, arm: str, seed: int, *, share: float, part: str = "test") -> float:
    """Epochs of training until the accuracy first reaches a share of 1."""
    table = read.table(run, arm, seed, "training")
    reached = np.flatnonzero(table.accuracy.sel(part=part).values >= share)
    if not len(reached):
        raise read.NotApplicable(f"an accuracy of {share:g} is never reached")
    return float(table.epoch.values[reached[0]] + 1)
