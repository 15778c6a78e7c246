"""Edges over development on each schedule of pruning, and how well the network routes in the end."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.experiments.pruning_schedule import SCHEDULES

COLOURS = dict(zip(SCHEDULES, (figures.SHADES[2], figures.SHADES[1], "#009E73", "#E69F00", "#CC79A7", figures.GREY,
                               "#D55E00"), strict=True))


def main(run, out):
    seeds = read.seeds(run, "main")
    first = read.table(run, "main", seeds[0], "outcome")
    figure = figures.canvas(7.2, 3.4)
    edges, share = figure.subplots(1, 2)
    for k, name in enumerate(SCHEDULES):
        if name != "random edges":
            edges.plot(first.interval, first.edges[k], color=COLOURS[name], label="DPAP" if name == "dpap" else name)
    edges.set(xlabel=figures.label(first.interval), ylabel=figures.label(first.edges), yscale="log")
    edges.legend(fontsize=7.5)
    values = np.array([read.table(run, "main", seed, "outcome").unroutable for seed in seeds])
    robust = np.array([read.table(run, "main", seed, "outcome").robust for seed in seeds])
    for b, (left, mark) in enumerate(zip(first.edges_left.values, "os", strict=False)):
        for k, name in enumerate(SCHEDULES):
            share.errorbar(k - 0.1 + 0.2 * b, values[:, b, k].mean(), values[:, b, k].std(), fmt=mark, ms=5,
                           color=COLOURS[name], label=f"{left:g} edges a node" if k == 5 else None)
            share.plot(k - 0.1 + 0.2 * b, 1 - robust[:, b, k].mean(), "_", color=COLOURS[name])
    names = [n.replace(" ", "\n").replace("dpap", "DPAP") for n in SCHEDULES]
    share.set_xticks(range(len(SCHEDULES)), names, rotation=60, fontsize=7.5)
    share.set(ylabel=figures.label(first.unroutable), ylim=(-0.02, 1))
    share.legend()
    figure.savefig(out)
    caption = ("Left: edges over ten intervals of development, all schedules to the same end. Right: share of fresh "
               "demands without a way (dashes: after 5 % of the edges are removed); mean and standard deviation, "
               f"{figures.seeds_said(seeds)}.")
    told = ", ".join(f"{name} {values[:, 0, k].mean():.3f}" for k, name in enumerate(SCHEDULES))
    return caption, f"Share of demands without a way at the fewest edges: {told}."
