"""Competition by STDP: final weights at each input rate, output rates over time, output against input rate."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_competition import cell_rate, weights


def main(run, out):
    figure = figures.canvas(7.2, 5.0)
    top, below = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    shown, seeds = of_run(run), read.seeds(run, "main")
    names, rates = shown.condition.values.astype(str), shown.rate.values
    columns = top.subplots(1, len(names), sharey=True)
    for axes, name, rate, colour in zip(columns, names, rates, figures.SHADES, strict=True):
        w = np.concatenate([weights(run, "main", seed, "excitation", name)[0] for seed in seeds])
        axes.hist(w, 20, (0, 1), weights=np.full(len(w), 1 / len(w)), color=colour)
        axes.set(xlabel="weight over its bound", title=f"{rate:g} Hz input", xlim=(0, 1))
    top.axes[0].set_ylabel("share of synapses")
    over_time, gain = below.subplots(1, 2, width_ratios=(1.4, 1))
    seconds = run["stages"].seconds.values[0]
    for k, (rate, colour) in enumerate(zip(rates, figures.SHADES, strict=True)):
        for seed in seeds:
            cells = read.table(run, "main", seed, "cells_cell")
            each = cells.sizes["cell"] // len(names)
            time = (cells.epoch.values + 1) * seconds
            lines = over_time.plot(time, cells.rate.values[:, k * each:(k + 1) * each], color=colour, lw=0.8)
        lines[0].set_label(f"{rate:g} Hz input")
    over_time.set(xlabel="time [s]", ylabel="output rate [Hz]", yscale="log")
    over_time.legend()
    final = {}
    for arm in read.arms(run):
        ended = any("stopped" in run[read.place(arm, seed)].attrs for seed in read.seeds(run, arm))
        if not ended and read.seeds(run, arm):
            final[arm] = [[cell_rate(run, arm, s, population="cell", condition=n) for n in names]
                          for s in read.seeds(run, arm)]
            gain.plot(rates, np.mean(final[arm], 0), "o-", color=figures.arm_colour(run, arm),
                      label=arm.replace("_", " "))
    gain.set(xlabel="input rate [Hz]", ylabel="output rate at the end [Hz]", xlim=(0, None), ylim=(0, None))
    gain.legend()
    figure.savefig(out)
    ends = np.mean(final["main"], 0)
    return (f"Above: distribution of the weights after {time[-1]:g} s at three input rates. Below: output rate of each "
            f"cell over time, and at the end against the input rate, with a control in which depression is stronger. "
            f"{figures.seeds_said(seeds)}, {int(shown.copies[0])} cells in each condition."), (
            "Weights gather at 0 and at the bound, more of them at 0 the higher the input rate; output rates end at "
            + ", ".join(f"{x:.1f} Hz for {r:g} Hz" for r, x in zip(rates, ends, strict=True)) + ".")
