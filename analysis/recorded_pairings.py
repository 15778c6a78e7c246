"""Every recorded experiment beside what published rules make of it, and how many each explains."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import changes

RULES = {"synapse": ("triplets, visual cortex, minimal", figures.SHADES[2], "o"),
         "full": ("triplets, visual cortex, full", figures.SHADES[1], "s"),
         "nearest": ("triplets, visual cortex, nearest spikes", "#009E73", "v"),
         "hippocampus": ("triplets, hippocampus, full", "#CC79A7", "^"),
         "pairs": ("pairs, hippocampus", "#E69F00", "x")}
STUDIES = ("Markram 1997", "Egger 1999", "Sjostrom 2001", "Rodriguez-M. 2008", "Banerjee 2014", "Zilberter 2009",
           "Sjostrom 2006")  # in the order of the table


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    n = shown.sizes["condition"]
    figure = figures.canvas(7.2, 7.6)
    axes = figure.subplots()
    y, said = np.arange(n)[::-1], []
    for k, (name, (title, colour, mark)) in enumerate(RULES.items()):
        change = changes(run, "main", seed, name)[0]
        near = np.abs(change - shown.change.values) <= 2 * shown.sem.values
        axes.plot(np.clip(change, -1, 2), y + (k - 2) / 7, mark, color=colour, ms=4, ls="",
                  label=f"{title}: {near.sum()} of {n}")
        said.append(f"{title} {near.sum()}")
    axes.errorbar(shown.change.values, y, xerr=2 * shown.sem.values, fmt="|", color="black", ms=8, lw=1,
                  label="recorded, 2 SEM")
    study = shown.study.values.astype(int)
    for edge in np.flatnonzero(np.diff(study)):
        axes.axhline(y[edge] - 0.5, color=figures.LIGHT, lw=1)
    for number in np.unique(study):
        axes.text(2.05, y[study == number].mean(), STUDIES[number - 1], va="center", fontsize=8)
    trains = zip(shown.lag.values, shown.interval.values, strict=True)
    labels = [f"{lag:+g} ms, {1e3 / gap:g} Hz" for lag, gap in trains]
    axes.set_yticks(y, labels, fontsize=6.5)
    axes.axvline(0, color=figures.GREY, lw=0.6)
    axes.set(xlabel="change of the weight or of the EPSP (beyond -1 or 2: at the edge)", xlim=(-1.05, 2.02),
             ylim=(-1, n))
    figure.legend(loc="outside upper center", fontsize=7.5, ncols=2)
    figure.savefig(out)
    caption = (f"{n} recorded experiments of pairing (lag of post after pre, rate in the train) with twice their "
               "standard error, and what published rules give without any fitting; in the legend how many each comes "
               "within.")
    return caption, f"Within 2 SEM of {n} experiments are: {'; '.join(said)}."
