"""Selectivity of neurons before and after, and what a linear read-out makes of their spikes and of the input's."""

import numpy as np

from dpap_bio import figures, measures
from dpap_bio import results_read as read

PROBES = {"train": "train", "test": "test"}


def main(run, out):
    seeds = read.seeds(run, "main")
    stages = list(read.probed(run, "main", seeds[0], "test"))
    figure = figures.canvas(7.2, 3.8)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    if not stages or not read.probed(run, "main", seeds[0], "train"):
        for axes in (left, right):
            figures.missing(axes, "This run has no probes called train and test.")
        figure.savefig(out)
        return "No probes called train and test were shown in this run.", "Two empty panels."
    counted = read.probe(run, "main", seeds[0], "test")
    population = [p for p in figures.populations(run) if f"count_{p}" in counted][-1]
    gain, neurons = _selectivity(left, run, population, seeds, stages[0], stages[-1])
    said = _readouts(right, run, population, len(np.unique(counted.label)))
    figure.savefig(out)
    caption = ("Left: selectivity (lifetime sparseness of mean responses to the classes, corrected for chance) of "
               f"{population} neurons, main arm, after the first and the last stage that was probed; neurons alive "
               f"and with at least 30 spikes at both times, {neurons} in {figures.seeds_said(seeds)}; dashed: means. "
               "Right: per cent of test stimuli that a linear read-out names rightly; a dot is a seed, its line the "
               f"binomial error (one standard deviation, {len(counted.label)} stimuli), the bar the mean. Empty bar: "
               "the same read-out of the input itself. Dotted: chance.")
    means = ", ".join(f"{name} {value:.1f} %" for name, value in said.items())
    return caption, f"Histograms of selectivity, mean change {gain:+.3f}; read-out: {means}."


def _selectivity(axes, run, population, seeds, before, after):
    pairs = [measures.selectivity(run, "main", seed, population=population, probe="test", before=before, after=after)
             for seed in seeds]
    first, second = (np.concatenate(values) for values in zip(*pairs, strict=True))
    if len(first) < 10:
        figures.missing(axes, f"Only {len(first)} neurons fired at least 30 spikes at both times.")
        return np.nan, len(first)
    edges = np.linspace(min(0, first.min(), second.min()), max(1, first.max(), second.max()), 31)
    for values, colour, kind, stage in ((first, figures.SHADES[0], "stepfilled", before),
                                        (second, figures.SHADES[2], "step", after)):
        axes.hist(values, edges, histtype=kind, color=colour, lw=1.6, label=f"after {stage}")
        axes.axvline(values.mean(), color=colour, lw=1.2, ls="--")
    axes.set(xlabel="selectivity (lifetime sparseness)", ylabel="neurons")
    axes.legend()
    return float((second - first).mean()), len(first)


def _readouts(axes, run, population, classes):
    bars = {arm: ("readout", arm, {**PROBES, "population": population}) for arm in read.arms(run)}
    bars["input itself"], said = ("readout_raw", "main", PROBES), {}
    for x, (name, (measure, arm, args)) in enumerate(bars.items()):
        colour = figures.arm_colour(run, arm) if name == arm else figures.GREY
        values, seeds = [], read.seeds(run, arm)
        for at, seed in zip(x + (np.arange(len(seeds)) - (len(seeds) - 1) / 2) * 0.5 / len(seeds), seeds, strict=True):
            try:
                values.append(measures.MEASURES[measure](run, arm, [seed], args)[seed])
            except (read.NotApplicable, read.TooLittleData):
                continue
            n = len(read.probe(run, arm, seed, "test").label)
            axes.plot([at, at], 100 * np.array(measures.wilson(values[-1] / 100, n)), color=colour, lw=1)
            axes.plot(at, values[-1], "o", ms=4, color=colour)
        if values:
            said[name] = float(np.mean(values))
            fill = {"color": colour, "alpha": 0.2} if name == arm else {"fill": False, "ec": colour}
            axes.bar(x, said[name], width=0.8, zorder=0, **fill)
        axes.annotate(f"{said[name]:.1f}" if values else "none", (x, 1), ha="center", va="bottom")
    axes.axhline(100 / classes, color=figures.DARK, lw=0.8, ls=":")
    axes.set_xticks(range(len(bars)), [name.replace("_", "\n").replace(" ", "\n") for name in bars])
    axes.set(ylim=(0, 100), ylabel="read-out [%]")
    return said
