"""How fast to prune: a routing network that deletes its least used edges on different schedules.

Navlakha, Barth & Bar-Joseph 2015, small. Demands from sources to targets take shortest paths and leave a mark on each
edge; after every interval the least used edges go, so many that all schedules end with the same number. Many at first
and ever fewer is best; DPAP's schedule is its own: when its reserve, with its stakes falling as exp(-floor(.)), kills.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dpap_bio.experiments.experiment import Experiment, Given
from dpap_bio.rules.cutoff import death_days

SCHEDULES = ("decreasing", "constant fraction", "constant number", "increasing", "at the end", "random edges", "dpap")


def cuts(schedule: str, edges: int, left: int, intervals: int, p) -> np.ndarray:
    """How many edges go after each interval.

    Arguments
        schedule   one of SCHEDULES; "random edges" has the numbers of "decreasing"
        edges      int         at the start
        left       int         at the end
        intervals  int
        p          steepness, and for "dpap" u_levels, death_from, interval_days and the reserve's parameters
    Returns
        (intervals,) int       adding up to edges - left
    """
    k = np.arange(intervals)
    if schedule == "constant fraction":
        remaining = edges * (left / edges) ** (np.arange(1, intervals + 1) / intervals)
        share = np.append(edges, remaining[:-1]) - remaining
    elif schedule == "dpap":
        share = dpap_deaths(intervals, p)
    else:
        share = {
            "decreasing": np.exp(-p.steepness * k), "random edges": np.exp(-p.steepness * k),
            "constant number": np.ones(intervals), "increasing": np.exp(p.steepness * k),
            "at the end": (k == intervals - 1).astype(float),
        }[schedule]  # fmt: skip
    total = np.round(np.cumsum(share) / share.sum() * (edges - left)).astype(int)
    return np.diff(total, prepend=0)


def dpap_deaths(intervals: int, p) -> np.ndarray:
    """How many of many importances, spread evenly over [0, 1], DPAP's reserve kills in each interval; (intervals,)."""
    u = np.linspace(0, 1, int(p.u_levels))
    died = death_days(u, days=int(p.death_from + intervals * p.interval_days), reserve_start=p.reserve_start,
                      start=p.survival_start, rho=p.rho, bonus=p.bonus, eta=p.eta, gamma=p.gamma, kind="staircase")
    ends = p.death_from + p.interval_days * np.arange(intervals + 1)
    return np.histogram(died[np.isfinite(died)], ends)[0].astype(float)


def distances(adjacency: np.ndarray, sources: int) -> np.ndarray:
    """Steps from each of the first `sources` nodes to every node, -1 where there is no way; (sources, n) int."""
    reached = np.eye(len(adjacency))[:sources] > 0
    steps, now, far = np.where(reached, 0, -1), reached, 0
    while now.any():
        far += 1
        now = ((now.astype(np.float32) @ adjacency) > 0) & (steps < 0)
        steps[now] = far
    return steps


def route(adjacency, steps, usage, source, target, rng) -> int:
    """Send one demand along a shortest path, ties by chance, and mark its edges; its length, -1 if there is none."""
    length, at = int(steps[source, target]), target
    for far in range(length - 1, -1, -1):
        before = np.flatnonzero(adjacency[:, at] & (steps[source] == far))
        last = before[rng.integers(len(before))]
        usage[last, at] += 1
        at = last
    return length


def least_used(adjacency, usage, count, rng) -> np.ndarray:
    """The network without its `count` least used edges, ties by chance."""
    edges = np.flatnonzero(adjacency)
    order = np.lexsort((rng.random(len(edges)), usage.ravel()[edges]))
    left = adjacency.copy()
    left.ravel()[edges[order[:count]]] = False
    return left


def developed(adjacency, schedule, left, demands, p, rng):
    """The network after development on a schedule, and its edges after each interval; demands (n, 2): from, to."""
    usage, counts = np.zeros(adjacency.shape), [int(adjacency.sum())]
    plan = cuts(schedule, counts[0], left, int(p.intervals), p)
    for cut, part in zip(plan, np.array_split(demands, int(p.intervals)), strict=True):
        steps = distances(adjacency, int(p.nodes) // 2)
        for source, target in part:
            route(adjacency, steps, usage, source, target, rng)
        by = rng.random(usage.shape) if schedule == "random edges" else usage
        adjacency = least_used(adjacency, by, cut, rng)
        counts.append(int(adjacency.sum()))
    return adjacency, counts


def _run(p, rng):
    nodes, half = int(p.nodes), int(p.nodes) // 2
    start = rng.random((nodes, nodes)) < p.connected
    np.fill_diagonal(start, False)
    demands, fresh = (np.column_stack([rng.integers(half, size=int(n)), rng.integers(half, nodes, size=int(n))])
                      for n in (p.demands, p.fresh))
    shape = (len(p.edges_left), len(SCHEDULES))
    found = {name: np.zeros(shape) for name in ("unroutable", "robust", "path")}
    counts = np.zeros((len(SCHEDULES), int(p.intervals) + 1))
    for b, per_node in enumerate(p.edges_left):
        for s, schedule in enumerate(SCHEDULES):
            asked = schedule if p.reversed <= 0 else _mirrored(schedule)
            net, counts[s] = developed(start, asked, int(per_node * nodes), demands, p, rng)
            length = distances(net, half)[fresh[:, 0], fresh[:, 1]]
            found["unroutable"][b, s] = (length < 0).mean()
            found["path"][b, s] = length[length > 0].mean() if (length > 0).any() else np.nan
            hurt = least_used(net, rng.random(net.shape), round(p.damage * net.sum()), rng)
            found["robust"][b, s] = (distances(hurt, half)[fresh[:, 0], fresh[:, 1]] >= 0).mean()
    return {
        "schedule": np.arange(len(SCHEDULES)), "edges_left": p.edges_left, "interval": np.arange(int(p.intervals) + 1),
        "edges": counts, **found, **_numbers(found, p),
    }  # fmt: skip


def _mirrored(schedule):
    """The control: what is called decreasing increases, and the other way round."""
    return {"decreasing": "increasing", "increasing": "decreasing"}.get(schedule, schedule)


def _numbers(found, p):
    decreasing, fraction, number, increasing, end, chance, dpap = found["unroutable"].T
    ladder = [decreasing, fraction, number, increasing]
    robust = found["robust"]
    return {
        "step_sparse": min(float(b[0] - a[0]) for a, b in pairwise(ladder)),
        "step_dense": min(float(b[-1] - a[-1]) for a, b in pairwise(ladder)),
        "dpap_minus_fraction": np.max(dpap - fraction), "decreasing_unroutable": np.max(decreasing),
        "dpap_unroutable": np.max(dpap), "increasing_unroutable": np.min(increasing),
        "robust_decreasing": np.min(robust[:, 0]), "robust_gain": np.min(robust[:, 0] - robust[:, 2]),
        "decreasing_minus_random": np.max(decreasing - chance),
    }


_NOTHING = "share of demands without a way"
PRUNING_SCHEDULE = Experiment(
    _run,
    needs={
        "nodes": "1", "connected": "1", "demands": "1", "fresh": "1", "intervals": "1", "edges_left": "1",
        "steepness": "1", "damage": "1", "reversed": "1", "u_levels": "1", "death_from": "day", "interval_days": "day",
        "reserve_start": "1", "survival_start": "day", "rho": "1", "bonus": "1", "eta": "day", "gamma": "1",
    },
    gives={
        "schedule": Given("1", f"schedule: {', '.join(SCHEDULES)}", ("schedule",)),
        "edges_left": Given("1", "edges left for each node", ("edges_left",)),
        "interval": Given("1", "interval", ("interval",)),
        "edges": Given("1", "edges", ("schedule", "interval")),
        "unroutable": Given("1", _NOTHING, ("edges_left", "schedule")),
        "robust": Given("1", "share of demands with a way after damage", ("edges_left", "schedule")),
        "path": Given("1", "mean length of the ways", ("edges_left", "schedule")),
        "step_sparse": Given("1", "smallest step of that share from decreasing to increasing, fewest edges"),
        "step_dense": Given("1", "smallest step of that share from decreasing to increasing, most edges"),
        "dpap_minus_fraction": Given("1", f"{_NOTHING}, DPAP minus constant fraction, the worst"),
        "decreasing_unroutable": Given("1", f"{_NOTHING}, decreasing, the worst"),
        "dpap_unroutable": Given("1", f"{_NOTHING}, DPAP, the worst"),
        "increasing_unroutable": Given("1", f"{_NOTHING}, increasing, the best"),
        "robust_decreasing": Given("1", "share of demands with a way after damage, decreasing, the worst"),
        "robust_gain": Given("1", "share with a way after damage, decreasing minus constant number, the worst"),
        "decreasing_minus_random": Given("1", f"{_NOTHING}, decreasing minus random edges, the worst"),
    },
)  # fmt: skip
