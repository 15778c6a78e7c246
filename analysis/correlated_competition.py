"""Competition of correlated inputs: weights of both groups for each rule and correlation, and the correlation index."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_competition import correlation_index, weights

SHARE = 0.2  # of the inputs that are correlated, as in the protocol


def main(run, out):
    shown, arms = of_run(run), read.arms(run)
    names, c = shown.condition.values.astype(str), shown.correlation.values
    figure = figures.canvas(7.2, 1.3 + 1.1 * len(arms))
    left, right = figure.subfigures(1, 2, width_ratios=(1.9, 1))
    grid = left.subplots(len(arms), len(names), sharex=True, squeeze=False)
    for row, arm in zip(grid, arms, strict=True):
        for axes, name in zip(row, names, strict=True):
            _histogram(axes, run, arm, name)
        row[0].set_ylabel(f"{_rule(run, arm)}\nshare in a bin")
    for axes, value in zip(grid[0], c, strict=True):
        axes.set_title(f"c = {value:g}")
    for axes in grid[-1]:
        axes.set_xlabel("weight over its bound")
    grid[0][0].legend(fontsize=7)
    axes = right.subplots()
    for arm in arms:
        index = [np.mean(list(correlation_index(run, arm, projection="excitation", condition=n, share=SHARE).values()))
                 for n in names]
        axes.plot(c, index, "o-", color=figures.arm_colour(run, arm), label=_rule(run, arm))
        if arm == "main":
            first = index
    axes.axhline(0, color=figures.GREY, lw=0.6)
    axes.set(xlabel="correlation c of the inputs", ylabel="correlation index", ylim=(-0.1, 0.8))
    axes.legend(fontsize=7)
    figure.savefig(out)
    return ("Weights at the end of the fifth of the inputs that share a source (blue) and of the others (grey), "
            "for each exponent mu of the rule and each correlation c; right: the correlation index, (mean of the "
            "correlated - mean of the others) / their sum. " + figures.seeds_said(read.seeds(run, "main")) + "."), (
            f"With the additive rule the index rises from {first[0]:.2f} to {first[-1]:.2f} with the correlation; the "
            "larger mu, the flatter.")


def _histogram(axes, run, arm, name):
    both = [weights(run, arm, seed, "excitation", name) for seed in read.seeds(run, arm)]
    w, place = (np.concatenate(parts) for parts in zip(*both, strict=True))
    for these, colour, label in ((place >= SHARE, figures.GREY, "others"),
                                 (place < SHARE, figures.SHADES[1], "correlated")):
        share, edges = np.histogram(w[these], 20, (0, 1))
        filled = label == "others"
        axes.stairs(share / share.sum(), edges, color=colour, fill=filled, alpha=0.6 if filled else 1, lw=1.4,
                    label=label)
    axes.set(xlim=(0, 1), yticks=[])


def _rule(run, arm):
    mu = {"main": 0.0, "slightly_graded": 0.02, "graded": 0.1, "multiplicative": 1.0}.get(arm)
    return arm if mu is None else f"mu = {mu:g}"
