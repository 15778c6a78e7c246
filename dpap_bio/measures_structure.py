"""Measures of what grew and was eliminated: density over age, who survived, how fast the rest went."""

from __future__ import annotations

import numpy as np

from dpap_bio import results_read as read
from dpap_bio.results_read import NotApplicable


def density_maxima(run, arm, seed, *, projection, smooth=3, prominence=0.02):
    """Count the interior maxima of density over epochs, after light smoothing.

    Smoothing is a running mean over `smooth` epochs (shorter at both ends). A maximum stands at least `prominence`
    times the largest density above the higher of the two valleys beside it; a flat top is one maximum. A curve that
    only rises, or rises and stays, has none.
    """
    from scipy.signal import find_peaks

    density = _density(run, arm, seed, projection).values
    kernel = np.ones(smooth)
    smoothed = np.convolve(density, kernel, "same") / np.convolve(np.ones(len(density)), kernel, "same")
    return float(len(find_peaks(smoothed, prominence=prominence * density.max())[0]))


def peak_over_adult(run, arm, seed, *, projection, last=0.2):
    """The largest density over the mean density of the last part of the epochs."""
    density = _density(run, arm, seed, projection).values
    adult = density[-_tail(len(density), last) :].mean()
    if adult == 0:
        raise NotApplicable(f"no synapse of {projection} is left at the end")
    return float(density.max() / adult)


def plateau(run, arm, seed, *, projection, last=0.2):
    """The largest relative change of density within the last part of the epochs: (max - min) / mean."""
    density = _density(run, arm, seed, projection).values
    adult = density[-_tail(len(density), last) :]
    if adult.mean() == 0:
        raise NotApplicable(f"no synapse of {projection} is left at the end")
    return float((adult.max() - adult.min()) / adult.mean())


def eliminated_share(run, arm, seed, *, projection):
    """The share of the synapses alive at the peak of density that are dead at the end."""
    there, gone = _fate_of_the_peak(run, arm, seed, projection)
    return float(gone.sum() / there.sum())


def survivor_strength(run, arm, seed, *, projection):
    """Mean weight, at the peak, of the synapses that survive to the end over that of those eliminated later.

    The weights are those of the snapshot nearest to the peak (the last epoch of the largest density).
    """
    peak = peak_epoch(run, arm, seed, projection)
    due = read.epochs(run, arm, seed, "snapshots")
    nearest = min(due, key=lambda e: (abs(e - peak), e))
    then = read.snapshot(run, arm, seed, projection, nearest)
    synapses = read.table(run, arm, seed, f"synapses_{projection}")
    survived = np.isin(then.id.values, synapses.id.values[np.isnan(synapses.died.values)])
    if "w" not in then:
        raise NotApplicable(f"the synapses of {projection} have no weight w")
    if survived.all() or not survived.any():
        which = "no" if survived.all() else "every"
        raise NotApplicable(f"{which} synapse of {projection} was eliminated after the peak")
    weight = then.w.values
    lost = weight[~survived].mean()
    if lost == 0:
        raise NotApplicable(f"the eliminated synapses of {projection} had no weight at all at the peak")
    return float(weight[survived].mean() / lost)


def early_over_late_elimination(run, arm, seed, *, projection):
    """Elimination per synapse and day in the first half of the pruning phase over that in the second half.

    The phase runs from the peak (the last epoch of the largest density) to the end and is cut in the middle of its
    age. A rate is (deaths + 0.5) / sum over epochs of (synapses at the start of the epoch * its days): the half
    death keeps a second half without deaths finite.
    """
    deaths = read.curve(run, arm, seed, "died", projection)
    alive = read.curve(run, arm, seed, "synapses", projection).values
    epoch, age = deaths.epoch.values, deaths.age.values
    start = int(np.flatnonzero(epoch == peak_epoch(run, arm, seed, projection))[0])
    died, at_risk = deaths.values[start + 1 :], alive[start:-1] * np.diff(age[start:])
    if not died.sum():
        raise NotApplicable(f"no synapse of {projection} was eliminated after the peak")
    early = age[start + 1 :] <= (age[start] + age[-1]) / 2
    if not early.any() or early.all() or not at_risk[~early].sum():
        raise NotApplicable(f"the pruning phase of {projection} is too short to be cut into two halves")
    rates = [(died[half].sum() + 0.5) / at_risk[half].sum() for half in (early, ~early)]
    return float(rates[0] / rates[1])


def survivor_ratio(run, arm, seed, *, of, over):
    """The share of synapses alive at the peak that live to the end, in projection `of` over projection `over`."""
    shares = [1 - eliminated_share(run, arm, seed, projection=name) for name in (of, over)]
    if shares[1] == 0:
        raise NotApplicable(f"no synapse of {over} survived")
    return float(shares[0] / shares[1])


def rate_over_target(run, arm, seed, *, population, parameter="rate_target", last=0.2):
    """Mean rate of a population over the last part of the epochs over the rate that a parameter asks for."""
    from dpap_bio import units

    rate = read.curve(run, arm, seed, "rate", population).values
    value, unit = read.parameter(run, parameter)
    target = units.to_si(value, unit)
    if target <= 0:
        raise NotApplicable(f"parameter {parameter} asks for no rate at all")
    return float(np.nanmean(rate[-_tail(len(rate), last) :]) / target)


def peak_epoch(run, arm, seed, projection) -> int:
    """The last epoch at which density is at its largest; -1 is birth."""
    density = _density(run, arm, seed, projection)
    return int(density.epoch.values[np.flatnonzero(density.values == density.values.max())[-1]])


def kaplan_meier(duration, died):
    """The share still alive after each age, from durations of which some were cut off by the end of the run.

    Survival after t is the product over the death times u <= t of 1 - deaths(u) / at_risk(u); who is cut off at u still
    counts as at risk at u.

    Arguments
        duration  (n,) float, day  age at death, or at the end of the run for those who live
        died      (n,) bool        False for those cut off
    Returns
        (m,) float, day; (m,) float; (m,) int   times of deaths, survival just after, number at risk just before
    Source
        kaplan1958
    """
    duration, died = np.asarray(duration, float), np.asarray(died, bool)
    times = np.unique(duration[died])
    deaths = np.array([np.count_nonzero(died & (duration == t)) for t in times], int)
    at_risk = np.array([np.count_nonzero(duration >= t) for t in times], int)
    return times, np.cumprod(1 - deaths / at_risk) if len(times) else np.empty(0), at_risk


def _fate_of_the_peak(run, arm, seed, projection):
    """Which synapses of the lifetime table were alive at the peak, and which of them are dead at the end."""
    synapses = read.table(run, arm, seed, f"synapses_{projection}")
    density = _density(run, arm, seed, projection)
    age = float(density.age.sel(epoch=peak_epoch(run, arm, seed, projection)))
    born, died = synapses.born.values, synapses.died.values
    there = (born <= age) & ~(died <= age)
    if not there.any():
        raise NotApplicable(f"{projection} never had a synapse")
    return there, there & ~np.isnan(died)


def _density(run, arm, seed, projection):
    return read.curve(run, arm, seed, "density", projection).fillna(0.0)  # NaN where one end has no neuron left


def _tail(n: int, share: float) -> int:
    return max(2, round(n * share))
