"""Which importance survives DPAP's reserve: the cut-off U*, when the dying die, and the rho for a wanted share.

Constant scores are assumed, which is nearly true when they are cumulative. Everything here runs the very recursion
of `survival.py`, one step a day, before any simulation: choose rho with `rho_for_share`, do not guess it.
"""

from __future__ import annotations

import math

import numpy as np

from dpap_bio.rules.survival import annealing, survive, u_scores


def annealing_sum(*, eta: float, kind: str, days: int | None = None) -> float:
    """S = sum of kappa over `days` days from the start, or over all: what one unit of delta can ever add up to.

    Arguments
        eta   float, day    how fast the stakes fall
        kind  str           "staircase" | "smooth"
        days  int, day      None is for ever
    Returns
        float, day          staircase with whole eta: eta / (1 - 1/e); smooth: 1 / (1 - exp(-1 / eta))
    """
    days = math.ceil(40 * eta) if days is None else days  # the rest is below exp(-40)
    return sum(annealing(day, start=0, eta=eta, kind=kind) for day in range(days))


def death_days(u: np.ndarray, *, days: int, reserve_start: float, start: float, **price: float | str) -> np.ndarray:
    """The day on which something of constant importance u dies; inf if it lives through day `days` - 1.

    Arguments
        u              (n,) float, 1    importance on [0, 1]
        days           int, day         length of the run
        reserve_start  float, 1         C0
        start          float, day       first day on which reserves change
        price          rho, bonus, eta, gamma, kind; as in `survive` and `annealing`
    Returns
        (n,) float, day                 counted from 0
    """
    u = np.asarray(u, float)
    reserve, death = np.full(u.shape, reserve_start, float), np.full(u.shape, np.inf)
    for day in range(days):
        reserve = _daily(reserve, u, day, start=start, **price)
        death = np.where((reserve < 0) & np.isinf(death), day, death)
    return death


def cutoff(*, days: int, **recursion: float | str) -> float:
    """U*: whatever has a constant importance below it is pruned within `days`; 0 if nothing ever is.

    Arguments
        days       int, day    length of the run
        recursion  rho, bonus, eta, gamma, reserve_start, start, kind; as in `death_day`
    Returns
        float, 1               from the recursion itself; the bonus does not matter below rho / 2
    """
    low, high = 0.0, 1.0
    for _ in range(3):  # each round looks at 2001 importances between the last to die and the first to live
        u = np.linspace(low, high, 2001)
        dies = np.isfinite(death_days(u, days=days, **recursion))
        if dies.all() or not dies.any():
            return float(dies[0])
        low, high = u[dies][-1], u[~dies][0]
    return float(low)


def cutoff_estimate(*, rho: float, reserve_start: float, eta: float, kind: str) -> float:
    """U* in closed form, (rho - C0 / S) / 2: gamma = 1 and an endless run; off by less than 0.004 for DPAP's values."""
    return (rho - reserve_start / annealing_sum(eta=eta, kind=kind)) / 2


def rho_estimate(
    score: np.ndarray, share: float, *, percentile: float, reserve_start: float, eta: float, kind: str
) -> float:
    """The rho that prunes about `share` of these scores, in closed form: 2 U* + C0 / S, U* the share-quantile of U."""
    u = u_scores(np.asarray(score, float), percentile=percentile)
    return 2 * float(np.quantile(u, share)) + reserve_start / annealing_sum(eta=eta, kind=kind)


def pruned_share(
    score: np.ndarray,
    *,
    days: int,
    percentile: float,
    reserve_start: float,
    start: float,
    live_only: bool = True,
    **price: float | str,
) -> float:
    """The share of constant scores that dies within `days`, by running the recursion on all of them.

    Arguments
        score          (n,) float    scores of the units
        days           int, day      length of the run
        percentile     float, 1      as in `u_scores`
        reserve_start  float, 1      C0
        start          float, day    first day on which reserves change
        live_only      bool          rank survivors anew every day, as our rules do; False ranks the dead along with
                                     them, as the reference code does
        price          rho, bonus, eta, gamma, kind
    Returns
        float, 1                     with live_only well above the share below U*: each death moves the percentile up
    """
    score = np.asarray(score, float)
    alive, reserve = np.ones(len(score), bool), np.full(len(score), reserve_start, float)
    for day in range(days):
        u = u_scores(score, percentile=percentile, alive=alive if live_only else None)
        reserve = _daily(reserve, u, day, start=start, **price)
        alive &= reserve >= 0
    return 1 - float(alive.mean())


def rho_for_share(score: np.ndarray, share: float, *, days: int, **recursion: float | str) -> float:
    """The rho that prunes `share` of these scores within `days`, by bisection on `pruned_share`.

    Arguments
        score      (n,) float, n >= 1    scores as measured; more than 2001 are thinned to as many quantiles
        share      float, 1              wanted share, below 1
        days       int, day              length of the run
        recursion  all that `pruned_share` needs but rho
    Returns
        float, 1                         the smallest rho, to 1e-4, that prunes at least `share`; where the best
                                         quarter stops earning (rho = 2) the share jumps, and some are out of reach
    Raises
        ValueError                       share is not in [0, 1), or cannot be reached
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share to prune must be in [0, 1), got {share}")
    score = np.asarray(score, float)
    if len(score) > 2001:
        score = np.quantile(score, np.linspace(0, 1, 2001))
    low, high = 0.0, 4.0
    if pruned_share(score, days=days, rho=high, **recursion) < share:
        raise ValueError(f"no rho up to {high} prunes {share} of these scores within {days} days")
    while high - low > 1e-4:
        middle = (low + high) / 2
        enough = pruned_share(score, days=days, rho=middle, **recursion) >= share
        low, high = (low, middle) if enough else (middle, high)
    return high


def _daily(reserve, u, day, *, start, rho, bonus, eta, gamma, kind):
    if day < start:
        return reserve
    kappa = annealing(day, start=start, eta=eta, kind=kind)
    return survive(reserve, u, rho=rho, bonus=bonus, kappa=kappa, gamma=gamma)
