"""Delete the smallest weights of an associative memory: exact curves, Monte Carlo, and DPAP's mask at equal density.

Chechik, Meilijson & Ruppin 1998. Storing many random patterns makes weights z ~ N(0, 1); a change g(z) of every weight
leaves F = E[z g(z)]^2 / E[g(z)^2] of the squared signal-to-noise ratio. Deleting all with |z| below theta keeps the
share c = 2 Q(theta). With a limited number of synapses fewer per pair mean more neurons, N ~ 1 / sqrt(c), so that the
number of patterns grows by F / sqrt(c).
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from dpap_bio.experiments.experiment import Experiment, Given
from dpap_bio.rules.cutoff import rho_for_share
from dpap_bio.rules.importance import bcm_score, sliding_threshold
from dpap_bio.rules.prune import survivors
from dpap_bio.rules.survival import annealing, survive, u_scores

_NORMAL = NormalDist()


def kept_minimal(density: float) -> float:
    """F = 2 [theta phi(theta) + Q(theta)] when the smallest weights are deleted and a share `density` > 0 is kept."""
    theta = _NORMAL.inv_cdf(1 - density / 2)
    return 2 * theta * _NORMAL.pdf(theta) + density


def kept_clipped(density: float) -> float:
    """F = (2 phi(theta))^2 / c when what is kept is clipped to its sign."""
    return (2 * _NORMAL.pdf(_NORMAL.inv_cdf(1 - density / 2))) ** 2 / density


def gain_fixed_number(density: float) -> float:
    """Patterns at a fixed number of synapses, relative to no deletion: F / sqrt(c)."""
    return kept_minimal(density) / math.sqrt(density)


def gain_fixed_strength(density: float) -> float:
    """Patterns at a fixed sum of |weights|: F / sqrt(E|g| / E|z|) = F exp(theta^2 / 4)."""
    return kept_minimal(density) * math.exp(_NORMAL.inv_cdf(1 - density / 2) ** 2 / 4)


def optimum(density: np.ndarray, gain: np.ndarray) -> tuple[float, float]:
    """Where a curve peaks and how high: the vertex of a parabola in ln(density) through the highest point."""
    order = np.argsort(density)
    x, y = np.log(density[order]), gain[order]
    k = int(np.argmax(y))
    if k in (0, len(y) - 1):  # the curve rises to its end
        return float(density[order][k]), float(y[k])
    a, b, _ = np.polyfit(x[k - 1 : k + 2] - x[k], y[k - 1 : k + 2], 2)
    return float(np.exp(x[k] - b / (2 * a))), float(y[k] - b * b / (4 * a))


def hebbian(patterns: np.ndarray) -> np.ndarray:
    """Weights of a Hopfield memory of (m, n) patterns of +-1: their coincidences / sqrt(m), no self-connections."""
    weights = patterns.T @ patterns / math.sqrt(len(patterns))
    np.fill_diagonal(weights, 0)
    return weights


def signal_to_noise(weights: np.ndarray, patterns: np.ndarray) -> float:
    """(mean / sd)^2 of the fields, each times what it should drive, over all patterns and neurons; 0 without fields."""
    aligned = (patterns @ weights.T) * patterns
    return float(aligned.mean() ** 2 / aligned.var()) if aligned.any() else 0.0


def keep_largest(score: np.ndarray, density: float, rng: np.random.Generator) -> np.ndarray:
    """A mask (n, n) of the connections with the largest scores, the given share of those off the diagonal.

    Hebbian weights have few values: among equals at the cut chance decides.
    """
    off = ~np.eye(len(score), dtype=bool)
    here = score[off]
    count = round(density * here.size)
    cut = np.partition(here, here.size - count)[here.size - count]
    equal = np.flatnonzero(here == cut)
    kept = here > cut
    kept[rng.choice(equal, count - int(kept.sum()), replace=False)] = True
    mask = np.zeros_like(off)
    mask[off] = kept
    return mask


def dpap_importance(patterns: np.ndarray, *, presentations: int, centred: bool, within_neuron: bool):
    """DPAP's score of each synapse (row: target) from the stored patterns, +1 firing and -1 silence.

    Arguments
        patterns        (m, n) +-1
        presentations   int    how often all patterns are shown, one after the other: the threshold settles
        centred         bool   True: |B - what firing without correlation would give|; False: B itself, as DPAP has it
        within_neuron   bool   in units of the mean of its target: the synapses of a neuron compete with each other,
                               not with those of neurons that fire more often
    Returns
        (n, n) float, 1
    Source
        `rules/importance.py`. The modulus is ours: here weights have both signs, and B alone would delete the strong
        negative ones first; it is the score's distance from chance that a Hebbian weight is made of.
    """
    trace = np.tile((1.0 + patterns) / 2, (presentations, 1))
    n = trace.shape[1]
    threshold = sliding_threshold(trace, np.zeros(n), np.zeros(n), power=1, scale=1)
    post, pre = np.divmod(np.arange(n * n), n)
    score = bcm_score(trace, trace, threshold, pre, post).reshape(n, n)
    if centred:
        factor = (trace * (trace - threshold)).sum(axis=0)
        score = np.abs(score - np.outer(factor, trace.mean(axis=0)))
    return score / score.mean(axis=1, keepdims=True) if within_neuron else score


def dpap_mask(importance: np.ndarray, density: float, p) -> np.ndarray:
    """Who lives through `p.days` of the survival reserve at the price rho that leaves about `density` of them."""
    off = ~np.eye(len(importance), dtype=bool)
    score = importance[off]
    recursion = {"bonus": p.bonus, "gamma": p.gamma, "eta": p.eta, "kind": "staircase"}
    options = {"percentile": p.percentile, "reserve_start": p.reserve_start, "start": p.survival_start}
    rho = rho_for_share(score, 1 - density, days=int(p.days), **options, **recursion) if density < 1 else 0.0
    alive, reserve = np.ones(len(score), bool), np.full(len(score), p.reserve_start)
    for day in range(int(p.survival_start), int(p.days)):
        u = u_scores(score, percentile=p.percentile, alive=alive)
        kappa = annealing(day, start=p.survival_start, eta=p.eta)
        reserve = survive(reserve, u, rho=rho, bonus=p.bonus, kappa=kappa, gamma=p.gamma)
        alive = survivors(reserve, alive, keep_at_least=1)
    mask = np.zeros_like(off)
    mask[off] = alive
    return mask


def capacity(n: int, density: float, p, rng: np.random.Generator) -> int:
    """The most patterns that stay: mean overlap above `p.overlap` after synchronous recall from the patterns."""
    stored = rng.choice([-1.0, 1.0], (n, n)).astype(np.float32)  # half the time; fields are sums of integers

    def recalled(m):
        x = stored[:m]
        weights = hebbian(x)
        weights *= keep_largest(_order(weights, p.order, rng), density, rng)
        now = x
        for _ in range(20):
            new = np.where(now @ weights.T >= 0, np.float32(1), np.float32(-1))
            if np.array_equal(new, now):
                break
            now = new
        return float((now * x).mean()) > p.overlap

    low, high = 1, max(4, int(0.4 * n))
    while high - low > max(1, low // 100):
        middle = (low + high) // 2
        low, high = (middle, high) if recalled(middle) else (low, middle)
    return low


def _order(weights, order, rng):
    """What deletion goes by: |w| (order 1), chance (0), or -|w|, the largest first (-1)."""
    return rng.random(weights.shape) if order == 0 else order * np.abs(weights)


def _run(p, rng):
    patterns = rng.choice([-1.0, 1.0], (int(p.patterns), int(p.neurons)))
    weights = hebbian(patterns)
    whole = signal_to_noise(weights, patterns)
    kept = {n: np.zeros(len(p.density)) for n in ("minimal", "clipped", "random", "dpap", "equal", "equal_random")}
    dpap_density = np.zeros(len(p.density))
    options = {"presentations": int(p.presentations), "centred": p.centred > 0, "within_neuron": p.within_neuron > 0}
    importance = dpap_importance(patterns, **options)
    for k, c in enumerate(p.density):
        chance = rng.random(weights.shape)
        mask = keep_largest(_order(weights, p.order, rng), c, rng)
        kept["minimal"][k] = signal_to_noise(weights * mask, patterns) / whole
        kept["clipped"][k] = signal_to_noise(np.sign(weights) * mask, patterns) / whole
        kept["random"][k] = signal_to_noise(weights * keep_largest(chance, c, rng), patterns) / whole
        mask = dpap_mask(importance, c, p)
        dpap_density[k] = mask.sum() / (mask.size - len(mask))
        kept["dpap"][k] = signal_to_noise(weights * mask, patterns) / whole
        for name, by in (("equal", np.abs(weights)), ("equal_random", chance)):
            equal = keep_largest(by, dpap_density[k], rng)
            kept[name][k] = signal_to_noise(weights * equal, patterns) / whole
    counts = [capacity(round(p.neurons_fixed / math.sqrt(c)), c, p, rng) for c in p.density_capacity]
    return {**_curves(p, kept, dpap_density, np.array(counts)), **_numbers(p, kept, np.array(counts))}


def _curves(p, kept, dpap_density, counts):
    return {
        "density": p.density, "minimal": kept["minimal"], "clipped": kept["clipped"], "random": kept["random"],
        "dpap": kept["dpap"], "dpap_density": dpap_density, "density_capacity": p.density_capacity, "capacity": counts,
        "minimal_exact": np.array([kept_minimal(c) for c in p.density]),
        "gain": kept["minimal"] / np.sqrt(p.density),
    }


def _numbers(p, kept, counts):
    fine = np.exp(np.linspace(math.log(0.02), math.log(0.9), 2001))
    exact = optimum(fine, np.array([gain_fixed_number(c) for c in fine]))
    strength = optimum(fine, np.array([gain_fixed_strength(c) for c in fine]))
    found = optimum(p.density, kept["minimal"] / np.sqrt(p.density))
    whole, checked = np.argmax(p.density), np.argmin(np.abs(p.density - p.density_checked))
    of = np.argmin(np.abs(p.density_capacity - p.density_checked))
    return {
        "error_minimal": np.max(np.abs(kept["minimal"] - [kept_minimal(c) for c in p.density])),
        "error_random": np.max(np.abs(kept["random"] - p.density)),
        "clipped_whole": kept["clipped"][whole],
        "optimum_density": found[0], "optimum_gain": found[1],
        "optimum_density_exact": exact[0], "optimum_gain_exact": exact[1],
        "optimum_density_strength": strength[0], "optimum_gain_strength": strength[1],
        "capacity_gain": counts[of] / counts[np.argmax(p.density_capacity)],
        "dpap_over_minimal_half": (kept["dpap"] / kept["equal"])[np.argmin(np.abs(p.density - 0.5))],
        "dpap_over_minimal": np.min(kept["dpap"] / kept["equal"]),
        "dpap_over_random": kept["dpap"][checked] / kept["equal_random"][checked],
    }  # fmt: skip


_SHARE = "share of the squared signal-to-noise ratio that is left"
MINIMAL_VALUE_DELETION = Experiment(
    _run,
    needs={
        "neurons": "1", "patterns": "1", "density": "1", "density_checked": "1", "order": "1", "centred": "1",
        "within_neuron": "1",
        "neurons_fixed": "1", "density_capacity": "1", "overlap": "1", "presentations": "1", "days": "day",
        "reserve_start": "1",
        "survival_start": "day", "bonus": "1", "gamma": "1", "eta": "day",
        "percentile": "1",
    },
    gives={
        "density": Given("1", "share of connections kept", ("density",)),
        "minimal": Given("1", f"{_SHARE}: smallest deleted", ("density",)),
        "minimal_exact": Given("1", f"{_SHARE}: smallest deleted, exact", ("density",)),
        "clipped": Given("1", f"{_SHARE}: smallest deleted, the rest clipped to its sign", ("density",)),
        "random": Given("1", f"{_SHARE}: random deletion", ("density",)),
        "dpap": Given("1", f"{_SHARE}: DPAP", ("density",)),
        "dpap_density": Given("1", "share of connections that DPAP kept", ("density",)),
        "gain": Given("1", "patterns at a fixed number of synapses, relative to no deletion", ("density",)),
        "density_capacity": Given("1", "share of connections kept", ("density_capacity",)),
        "capacity": Given("1", "patterns stored at a fixed number of synapses", ("density_capacity",)),
        "error_minimal": Given("1", "largest distance from the exact curve, smallest deleted"),
        "error_random": Given("1", "largest distance from the exact curve, random deletion"),
        "clipped_whole": Given("1", "share left by clipping alone"),
        "optimum_density": Given("1", "share kept at which the gain peaks, Monte Carlo"),
        "optimum_gain": Given("1", "highest gain at a fixed number of synapses, Monte Carlo"),
        "optimum_density_exact": Given("1", "share kept at which the gain peaks, exact curve"),
        "optimum_gain_exact": Given("1", "highest gain at a fixed number of synapses, exact curve"),
        "optimum_density_strength": Given("1", "share kept at which the gain at fixed total strength peaks, exact"),
        "optimum_gain_strength": Given("1", "highest gain at a fixed total strength, exact"),
        "capacity_gain": Given("1", "patterns stored at the density checked, relative to no deletion"),
        "dpap_over_minimal_half": Given("1", "DPAP relative to minimal-value deletion at its density, half kept"),
        "dpap_over_minimal": Given("1", "DPAP relative to minimal-value deletion at its density, the worst density"),
        "dpap_over_random": Given("1", "DPAP relative to random deletion at the density checked"),
    },
)  # fmt: skip
