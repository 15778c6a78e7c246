"""Pruning the losers of competition: output rates around the cut in each arm, and weights before and after it."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_competition import rate_change, weights

SAID = {"main": "cut and scaled", "unscaled": "cut only", "random": "as many by chance, scaled"}


def main(run, out):
    shown, arms = of_run(run), read.arms(run)
    names, inputs = shown.condition.values.astype(str), shown.rate.values
    figure = figures.canvas(7.2, 5.0)
    grid = figure.subplots(2, len(names), squeeze=False, height_ratios=(1.5, 1))
    seed = read.seeds(run, "main")[0]
    summary = read.table(run, "main", seed, "summary")
    stage, seconds = summary.stage.values.astype(str), dict(zip(run["stages"].stage.values.astype(str),
                                                               run["stages"].seconds.values, strict=True))
    time = np.cumsum([seconds.get(s, 0.0) for s in stage])
    time -= time[np.flatnonzero(stage == "cut")[-1]]
    for k, (axes, rate) in enumerate(zip(grid[0], inputs, strict=True)):
        for arm in arms:
            for s in read.seeds(run, arm):
                cells = read.table(run, arm, s, "cells_cell")
                each = cells.sizes["cell"] // len(names)
                at = np.isin(summary.epoch.values, cells.epoch.values)
                axes.plot(time[at], np.nanmean(cells.rate.values[:, k * each:(k + 1) * each], 1), lw=1.2,
                          color=figures.arm_colour(run, arm), label=SAID.get(arm, arm) if s == seed else None)
        axes.axvline(0, color=figures.GREY, lw=0.8, ls=":")
        axes.set(title=f"{rate:g} Hz input", xlabel="time since the cut [s]", yscale="symlog", ylim=(0, None),
                 xlim=(max(time[1], -500), time[-1]), yticks=[0, 1, 2, 5, 10, 20, 50, 100],
                 yticklabels=["0", "1", "2", "5", "10", "20", "50", "100"])
    grid[0][0].set_ylabel("output rate [Hz]")
    grid[0][0].legend()
    for axes, name in zip(grid[1], names, strict=True):
        before = weights(run, "main", seed, "excitation", name, "competition")[0]
        after = weights(run, "main", seed, "excitation", name, "cut")[0]
        for w, colour, label in ((before, figures.GREY, "before the cut"), (after, figures.SHADES[1], "survivors")):
            axes.hist(w, 40, (0, 1), color=colour, label=label)
        axes.set(xlabel="weight over its bound", xlim=(0, 1), yscale="log")
    grid[1][0].set_ylabel("synapses")
    grid[1][0].legend()
    figure.savefig(out)
    args = {"population": "cell", "before": "competition", "during": "later"}
    change = {a: [np.mean(list(rate_change(run, a, condition=n, **args).values())) for n in names] for a in arms}
    return ("Above: output rate before and after one cut of the weak synapses, with scaling (main), without, and with "
            "as many synapses deleted by chance. Below: weights before the cut and of the survivors (main "
            "arm). " + figures.seeds_said(read.seeds(run, "main")) + "."), (
            "Relative change of the rate long after the cut, " + "; ".join(
                f"{SAID.get(a, a)}: " + " and ".join(f"{x:+.0%} at {r:g} Hz" for x, r in zip(v, inputs, strict=True))
                for a, v in change.items()) + ".")
