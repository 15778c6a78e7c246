"""BCM selectivity in rate form: K patterns, one cell; one pattern wins, and the theory says how strongly.

c = w . x,  dw/dt = eta c (c - theta) x,  theta = (mean of c^power / c0^power)^exponent c0, the mean over tau.
Intrator & Cooper 1992: power 2, exponent 1. Bienenstock, Cooper & Munro 1982: power 1, exponent p + 1. DPAP's own
threshold is the plain mean: power 1, exponent 1, for which no selective fixed point exists.
"""

from __future__ import annotations

import math

import numpy as np

from dpap_bio.experiments.experiment import Experiment, Given

HIGHEST = 1e3  # responses are cut here, far above any fixed point, so that a runaway stays a number


def fixed_point(n_patterns: float, *, power: float, exponent: float) -> float:
    """The response to the one pattern that wins, in units of c0: K^(exponent / (power exponent - 1)); nan if none."""
    grade = power * exponent - 1
    return float(n_patterns) ** (exponent / grade) if grade > 0 else math.nan


def learn(patterns, weights, shown, *, eta, tau, power, exponent, sliding=True, c0=1.0):
    """Let cells see patterns one by one under a sliding threshold.

    Arguments
        patterns         (K, n_in) float       rows are inputs
        weights          (n_cells, n_in) float start
        shown            (n_steps, n_cells) int pattern of each cell in each step
        eta              float                 learning rate per step
        tau              float, step           memory of the threshold
        power, exponent  float                 theta = c0 (mean of (c / c0)^power)^exponent
        sliding          bool                  False keeps theta at c0
    Returns
        weights (n_cells, n_in), theta (n_cells,)

    The four numbers may differ between cells, (n_cells,): what a step costs hardly depends on how many cells take it.
    Likewise everything is computed in place: with so few cells, making arrays would be most of the work.
    """
    w, mean = weights.copy(), np.zeros(len(weights))
    theta = np.full(len(w), c0)
    c, step, x, product = np.empty_like(mean), np.empty_like(mean), np.empty_like(w), np.empty_like(w)
    for k in shown:
        patterns.take(k, axis=0, out=x, mode="clip")
        np.add.reduce(np.multiply(w, x, out=product), axis=1, out=c)
        _clip(c, 0.0, HIGHEST * c0)
        if sliding:
            np.power(np.divide(c, c0, out=step), power, out=step)
            np.subtract(step, mean, out=step)
            mean += np.divide(step, tau, out=step)
            np.multiply(np.power(mean, exponent, out=theta), c0, out=theta)
        np.multiply(eta, c, out=step)
        np.multiply(step, np.subtract(c, theta, out=c), out=step)
        _clip(step, -HIGHEST * c0, HIGHEST * c0)
        w += np.multiply(step[:, None], x, out=product)
        _clip(w, -HIGHEST * c0, HIGHEST * c0)
    return w, theta


def _clip(values, low, high):
    """In place; three times as fast as np.clip on a few numbers."""
    np.minimum(np.maximum(values, low, out=values), high, out=values)


def selectivity(response: np.ndarray, floor: float) -> np.ndarray:
    """1 - mean / max over the patterns of each cell (row); 0 where no pattern is answered above `floor`."""
    high = response.max(axis=1)
    return np.where(high > floor, 1 - response.mean(axis=1) / np.maximum(high, floor), 0.0)


def bumps(n_patterns: int, n_inputs: int, width: float) -> np.ndarray:
    """Overlapping inputs: Gaussian bumps of that width (deg) on a ring of 180 deg of orientations; (K, n_in)."""
    prefers, angle = (np.arange(n) * 180 / n for n in (n_inputs, n_patterns))
    away = np.abs(prefers[None, :] - angle[:, None])
    return np.exp(-(np.minimum(away, 180 - away) ** 2) / (2 * width**2))


def _run(p, rng):
    kinds, kinds_1982 = (np.asarray(k, int) for k in (p.n_patterns, p.n_patterns_1982))
    rows = _kinds([*((k, p.power, 1.0) for k in kinds), *((k, 1.0, p.exponent_1982) for k in kinds_1982)], p, rng)
    rows, older = rows[: len(kinds)], rows[len(kinds) :]
    peak, select, winners, theta = (np.array(column) for column in zip(*[row[:4] for row in rows], strict=True))
    exact_1982 = [fixed_point(k, power=1.0, exponent=p.exponent_1982) for k in p.n_patterns_1982]
    of_bumps = _bumps(p, rng)
    return {
        "n_patterns": p.n_patterns, "peak": peak, "peak_exact": p.n_patterns.astype(float), "select": select,
        "threshold": theta, "rank": np.arange(1, kinds.max() + 1),
        "sorted": np.array([np.pad(row[4], (0, kinds.max() - len(row[4])), constant_values=np.nan) for row in rows]),
        "orientation": np.arange(int(p.bump_patterns)) * 180 / p.bump_patterns, "tuning": of_bumps[1],
        "peak_lowest": (peak / kinds).min(), "peak_highest": (peak / kinds).max(),
        "threshold_error": np.max(np.abs(theta / kinds - 1)),
        "selectivity_error": np.max(np.abs(select - (1 - 1 / kinds))),
        "one_winner": winners.min(),
        "peak_error_1982": np.max(np.abs([row[0] for row in older] / np.array(exact_1982) - 1)),
        "one_winner_1982": min(row[2] for row in older),
        "bump_selectivity": of_bumps[0],
    }  # fmt: skip


def _kinds(kinds, p, rng):
    """Cells that learn orthonormal patterns, each kind (K, power, exponent) by itself but all side by side.

    Returns a row for each kind: peak, selectivity, share of cells with one winner, threshold, ordered responses.
    """
    most, cells = max(k for k, *_ in kinds), int(p.cells)
    starts, shown = [], []
    for k, *_ in kinds:
        starts.append(np.pad(rng.uniform(0, p.w_start, (cells, k)), ((0, 0), (0, most - k))))
        shown.append(rng.integers(k, size=(int(p.steps), cells), dtype=np.int8))
    # the 1982 threshold is steep: it must be faster still, and weights slower
    paces = [(p.eta / k, p.tau_threshold * k) if exponent == 1 else (p.eta_1982 / k, p.tau_1982 * k)
             for k, _, exponent in kinds]
    eta, tau, power, exponent = (np.repeat(column, cells) for column in (
        *zip(*paces, strict=True), *list(zip(*kinds, strict=True))[1:]))
    w, theta = learn(np.eye(most), np.concatenate(starts), np.concatenate(shown, axis=1), eta=eta, tau=tau, power=power,
                     exponent=exponent, sliding=p.sliding > 0)
    return [_row(np.clip(w[i * cells : (i + 1) * cells, :k], 0, HIGHEST), theta[i * cells : (i + 1) * cells], p)
            for i, (k, *_) in enumerate(kinds)]


def _row(response, theta, p):
    select = selectivity(response, p.floor)
    one = ((response > 0.5 * response.max(axis=1, keepdims=True)).sum(axis=1) == 1) & (response.max(axis=1) > p.floor)
    ordered = -np.sort(-response, axis=1)
    return response.max(axis=1).mean(), select.mean(), one.mean(), theta.mean(), ordered.mean(axis=0)


def _bumps(p, rng):
    patterns = bumps(int(p.bump_patterns), int(p.bump_inputs), p.bump_width)
    cells = int(p.cells)
    w = rng.uniform(0, p.w_start / patterns.sum(axis=1).mean(), (cells, patterns.shape[1]))
    shown = rng.integers(len(patterns), size=(int(p.bump_steps), cells), dtype=np.int8)
    k = len(patterns)
    strength = (patterns**2).sum(axis=1).mean()  # of an input; orthonormal patterns have 1
    options = {"eta": p.eta / k / strength, "tau": p.tau_threshold * k}
    w, _ = learn(patterns, w, shown, power=p.power, exponent=1.0, sliding=p.sliding > 0, **options)
    response = np.clip(w @ patterns.T, 0, HIGHEST)
    centre = np.array([np.roll(r, k // 2 - int(np.argmax(r))) for r in response])
    return selectivity(response, p.floor).mean(), centre.mean(axis=0)


BCM_SELECTIVITY = Experiment(
    _run,
    needs={
        "n_patterns": "1", "n_patterns_1982": "1", "power": "1", "exponent_1982": "1", "sliding": "1", "eta": "1",
        "eta_1982": "1", "tau_threshold": "1", "tau_1982": "1", "steps": "1", "cells": "1", "w_start": "1",
        "floor": "1", "bump_patterns": "1", "bump_inputs": "1", "bump_width": "1", "bump_steps": "1",
    },
    gives={
        "n_patterns": Given("1", "number of patterns", ("n_patterns",)),
        "peak": Given("1", "response to the preferred pattern", ("n_patterns",)),
        "peak_exact": Given("1", "response to the preferred pattern, exact", ("n_patterns",)),
        "select": Given("1", "selectivity, 1 - mean / max", ("n_patterns",)),
        "threshold": Given("1", "threshold at the end", ("n_patterns",)),
        "rank": Given("1", "patterns, the preferred one first", ("rank",)),
        "sorted": Given("1", "response", ("n_patterns", "rank")),
        "orientation": Given("1", "orientation, the preferred one in the middle (degrees)", ("orientation",)),
        "tuning": Given("1", "response", ("orientation",)),
        "peak_lowest": Given("1", "response to the preferred pattern over K, lowest of the K"),
        "peak_highest": Given("1", "response to the preferred pattern over K, highest of the K"),
        "threshold_error": Given("1", "largest relative distance of the threshold from K"),
        "selectivity_error": Given("1", "largest distance of selectivity from 1 - 1 / K"),
        "one_winner": Given("1", "share of cells that answer exactly one pattern, lowest of the K"),
        "peak_error_1982": Given("1", "largest relative distance from the fixed point of the 1982 form"),
        "one_winner_1982": Given("1", "share of cells that answer exactly one pattern, 1982 form"),
        "bump_selectivity": Given("1", "selectivity among overlapping orientations"),
    },
)  # fmt: skip
