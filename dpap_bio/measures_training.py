"""What a training came to: accuracies and what is left of the network, all of the same, last epoch."""

from __future__ import annotations

import numpy as np
import xarray as xr

from dpap_bio import results_read as read


def right(run: xr.DataTree, arm: str, seed: int, *, part: str = "test") -> float:
    """The percentage of images of a part that the network as it is at the end gets right.

    Raises
        NotApplicable   the training had no images in that part
    """
    value = float(_last(run, arm, seed).accuracy.sel(part=part))
    if np.isnan(value):
        raise read.NotApplicable(f"arm {arm} was not tried on any image of part {part!r}")
    return 100 * value


def right_held_out(run: xr.DataTree, arm: str, seed: int) -> float:
    """The percentage of held-out training images that the network as it is at the end gets right."""
    return right(run, arm, seed, part="held_out")


def pruned(run: xr.DataTree, arm: str, seed: int) -> float:
    """The percentage of all weights, the classifier's included, that are dead at the end."""
    last = _last(run, arm, seed)
    return 100 * (1 - float(last.live_weights.sum()) / float(last.weights.sum()))


def operations_left(run: xr.DataTree, arm: str, seed: int) -> float:
    """Synaptic operations per image at the end over those of the full network after its first epoch."""
    trained = _table(run, arm, seed)
    if trained.sizes["epoch"] < 2:
        raise read.TooLittleData(f"arm {arm} was trained for no epoch")
    return float(trained.synops.isel(epoch=-1).sum()) / float(trained.synops.isel(epoch=1).sum())


def right_difference(run: xr.DataTree, arm: str, *, over: str) -> dict[int, float]:
    """By how many points an arm gets more test images right than another one, seed by seed."""
    shared = [seed for seed in read.seeds(run, arm) if seed in read.seeds(run, over)]
    if not shared:
        raise read.TooLittleData(f"arms {arm} and {over} have no seed in common")
    return {seed: right(run, arm, seed) - right(run, over, seed) for seed in shared}


def right_beyond_spread(run: xr.DataTree, arm: str, *, over: str) -> dict[int, float]:
    """`right_difference`, less the standard deviation over seeds of the more variable of the two arms.

    Raises
        TooLittleData   fewer than two seeds: there is no spread
    """
    difference = right_difference(run, arm, over=over)
    if len(difference) < 2:
        raise read.TooLittleData(f"the spread over seeds needs two of them, {len(difference)} was run")
    spread = max(np.std([right(run, each, seed) for seed in difference], ddof=1) for each in (arm, over))
    return {seed: value - float(spread) for seed, value in difference.items()}


def _last(run, arm, seed) -> xr.Dataset:
    return _table(run, arm, seed).isel(epoch=-1)


def _table(run, arm, seed) -> xr.Dataset:
    return read.table(run, arm, seed, "training")
