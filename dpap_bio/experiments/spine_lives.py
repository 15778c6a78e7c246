"""Three models of when spines are born and die, day by day: two states, a reserve as in DPAP, and a wandering size.

Each returns the days of birth and death of every spine that ever was, so that one function measures the turnover of
all. A spine exists on day d if born <= d < died.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dpap_bio.rules.spine import fluctuation_step
from dpap_bio.rules.survival import survive, u_scores

BEFORE = -1_000_000  # the day of birth of whoever was there at the start


def turnover(born: np.ndarray, died: np.ndarray, first: float, second: float) -> tuple[float, float]:
    """Shares eliminated and formed between two images, both relative to the spines of the first image."""
    old = (born <= first) & (died > first)
    eliminated = np.count_nonzero(old & (died <= second))
    formed = np.count_nonzero((born > first) & (born <= second) & (died > second))
    return eliminated / old.sum(), formed / old.sum()


def two_state(n: int, days: int, rng, *, transient, births, loss_transient, ripening, loss_persistent):
    """Transient spines die or ripen, persistent ones die rarely; probabilities a day.

    Arguments
        n, days          int, day    spines at the start, and how long
        transient        float, 1    share of them that is transient
        births           float, 1/day   new transient spines, relative to n; begun with the first day
        loss_transient, ripening, loss_persistent   float, 1/day
    Returns
        born, died       (n_all,) float, day    inf: still there
    """
    ripe = rng.random(n) >= transient
    born, died = np.full(n, float(BEFORE)), np.full(n, np.inf)
    for day in range(1, days + 1):
        here, chance = np.flatnonzero(np.isinf(died)), rng.random(np.count_nonzero(np.isinf(died)))
        loss = np.where(ripe[here], loss_persistent, loss_transient)
        died[here[chance < loss]] = day
        ripe[here[(chance >= loss) & (chance < loss + ripening)]] = True
        new = rng.poisson(births * n)
        born, died = np.append(born, np.full(new, float(day))), np.append(died, np.full(new, np.inf))
        ripe = np.append(ripe, np.zeros(new, bool))
    return born, died


def two_state_expected(days: int, *, transient, births, loss_transient, ripening, loss_persistent):
    """The expectation of `two_state`: shares eliminated and formed after 0, 1, ... days; (days + 1, 2)."""
    old, new, out = np.array([transient, 1 - transient]), np.zeros(2), [(0.0, 0.0)]
    step = np.array([[1 - loss_transient - ripening, 0.0], [ripening, 1 - loss_persistent]])
    for _ in range(days):
        old, new = step @ old, step @ new + [births, 0.0]
        out.append((1 - old.sum(), new.sum()))
    return np.array(out)


def reserve(n: int, days: int, rng, *, rho, births, p, elimination: Callable = lambda day: 1.0):
    """Spines of wandering size live on DPAP's reserve: a large one earns, a small one pays.

    Arguments
        n, days      int, day        spines at the start, and how long
        rho          float, 1        price of a day
        births       float, 1/day    newborn relative to n; None replaces each dead one
        p            reserve_start (of the first, uniform below it), reserve_newborn, stakes, bonus, gamma, percentile,
                     tau_size (day), spread, ln_newborn, mature (day), newcomers
        elimination  f(day) -> float, 1     multiplies what mature spines pay, and with `newcomers` what all pay
    Returns
        born, died   (n_all,) float, day
        size         (n_all,) float, 1      at the end or at death, relative to the median
        left         (n_all,) float, 1      reserve, likewise
    """
    born, died = np.full(n, float(BEFORE)), np.full(n, np.inf)
    size, left = np.exp(p.spread * rng.standard_normal(n)), rng.uniform(0, p.reserve_start, n)
    for day in range(1, days + 1):
        here = np.flatnonzero(np.isinf(died))
        noise = rng.standard_normal(len(here))
        now = fluctuation_step(size[here], noise, dt=1.0, tau_fluctuation=p.tau_size, spread=p.spread)
        u = u_scores(now, percentile=p.percentile, subtract_minimum=False)
        options = {"rho": rho, "bonus": p.bonus, "kappa": p.stakes, "gamma": p.gamma}
        scaled = (day - born[here] >= p.mature) | (p.newcomers > 0)
        after = survive(left[here], u, **options, elimination=np.where(scaled, elimination(day), 1.0))
        size[here], left[here] = now, after
        died[here[after < 0]] = day
        new = np.count_nonzero(after < 0) if births is None else rng.poisson(births * n)
        born, died = np.append(born, np.full(new, float(day))), np.append(died, np.full(new, np.inf))
        size = np.append(size, np.full(new, np.exp(p.ln_newborn)))
        left = np.append(left, np.full(new, p.reserve_newborn))
    return born, died, size, left


def log_size(n: int, days: int, rng, *, p):
    """Sizes wander; a spine below a size is lost and a small one takes its place.

    Arguments
        n, days    int, day        slots, and how long
        p          tau_size (day), spread, ln_lost, ln_newborn; `by_size` 0 loses as many, by chance; `multiplicative`
                   0 lets the size itself wander instead of its logarithm
    Returns
        size       (days + 1, n) float, 1     each slot's size
        replaced   (days + 1, n) bool         its spine is new that day
    """
    lowest = np.exp(p.ln_lost)
    size, replaced = np.ones((days + 1, n)), np.zeros((days + 1, n), bool)
    for day in range(1, days + 1):
        noise = rng.standard_normal(n)
        now = _wander(size[day - 1], noise, p)
        lost = now < lowest
        if p.by_size <= 0:
            lost = rng.permutation(lost)
        size[day] = np.where(lost, np.exp(p.ln_newborn), np.maximum(now, lowest))
        replaced[day] = lost
    return size, replaced


def _wander(size, noise, p):
    if p.multiplicative > 0:
        return fluctuation_step(size, noise, dt=1.0, tau_fluctuation=p.tau_size, spread=p.spread)
    kept = np.exp(-1.0 / p.tau_size)
    return 1 + kept * (size - 1) + p.spread * np.sqrt(1 - kept**2) * noise
