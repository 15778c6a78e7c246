"""What is left of the signal when connections are deleted, by rule, and how many patterns a fixed number stores."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.experiments.minimal_value_deletion import gain_fixed_number, kept_clipped, kept_minimal

RULES = {"minimal": ("smallest deleted", figures.SHADES[2], "o"), "clipped": ("and clipped", figures.SHADES[1], "s"),
         "random": ("random", figures.GREY, "v")}


def main(run, out):
    seeds = read.seeds(run, "main")
    tables = [read.table(run, "main", seed, "outcome") for seed in seeds]
    first = tables[0]
    figure = figures.canvas(7.2, 3.4)
    left, right = figure.subplots(1, 2)
    fine = np.linspace(0.02, 1, 300)
    exact = {"minimal": [kept_minimal(c) for c in fine], "clipped": [kept_clipped(c) for c in fine], "random": fine}
    for name, (title, colour, mark) in RULES.items():
        left.plot(fine, exact[name], color=colour, lw=1)
        left.plot(first.density, np.mean([t[name] for t in tables], 0), mark, color=colour, ms=4, label=title)
    for arm, title, colour in (("main", "DPAP", "#D55E00"), ("raw_score", "DPAP, score as it is", "#E69F00"),
                               ("within_layer", "DPAP, within the layer", "#CC79A7")):
        for k, seed in enumerate(read.seeds(run, arm)):
            t = read.table(run, arm, seed, "outcome")
            left.plot(t.dpap_density, t.dpap, "x", color=colour, ms=5, label=title if k == 0 else None)
    left.set(xlabel=figures.label(first.density), ylabel=figures.label(first.minimal).partition(":")[0], ylim=(0, 1.05))
    left.legend(loc="lower right")
    right.plot(fine, [gain_fixed_number(c) for c in fine], color=figures.SHADES[2], lw=1, label="exact")
    right.plot(first.density, np.mean([t.gain for t in tables], 0), "o", color=figures.SHADES[2], ms=4, label="signal")
    stored = np.mean([t.capacity / t.capacity.values[0] for t in tables], 0)
    right.plot(first.density_capacity, stored, "D", color="black", ms=4, label="patterns recalled")
    right.set(xlabel=figures.label(first.density), ylabel="patterns at a fixed number of synapses,\nover no deletion")
    right.legend(loc="upper right")
    figure.savefig(out)
    caption = ("Left: what is left of the squared signal-to-noise ratio against the share of connections kept; lines: "
               "exact, points: Hopfield memory. Crosses: what DPAP's survival reserve keeps, at the density it comes "
               "to. Right: patterns that a fixed number of synapses stores when the network grows as it is thinned, "
               f"mean. {figures.seeds_said(seeds)}.")
    best = first.optimum_density.item()
    return caption, (f"Signal left against density: Monte Carlo lies on the exact curves; gain peaks at {best:.2f} "
                     f"kept with {first.optimum_gain.item():.2f}.")
