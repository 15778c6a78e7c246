"""Spikes of every population at the ends of the stages, and mean rates with age."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read


def main(run, out):
    seeds = read.seeds(run, "main")
    ends = read.epochs(run, "main", seeds[0], "spikes")
    figure = figures.canvas(7.2, 5.6)
    grid = figure.add_gridspec(2, max(1, len(ends)), height_ratios=(3, 1.5))
    for column, epoch in enumerate(ends):
        _raster(figure.add_subplot(grid[0, column]), run, seeds[0], epoch, leftmost=column == 0)
    if not ends:
        figures.missing(figure.add_subplot(grid[0, :]), "This run recorded no spikes.")
    low, high = _rates(figure.add_subplot(grid[1, :]), run, seeds)
    figure.savefig(out)
    caption = (f"Above: spikes of seed {seeds[0]}, main arm, in the last recorded second of the first epoch and of "
               "each stage; a dot is a spike, a row a neuron in the order of its id. Below: firing rates with "
               f"developmental age, mean over seeds with the smallest and largest seed; {figures.seeds_said(seeds)}.")
    alt = (f"Spike rasters at {len(ends)} ages, and a line chart of mean firing rates, "
           f"which lie between {low:.1f} and {high:.1f} Hz.")
    return caption, alt


def _raster(axes, run, seed, epoch, leftmost):
    summary = read.table(run, "main", seed, "summary").sel(epoch=epoch)
    neurons = read.table(run, "main", seed, "neurons")
    bottom, ticks = 0, {}
    for population in figures.populations(run):
        n = int(neurons.id.values[neurons.population.values == population].max()) + 1
        shown = read.spikes(run, "main", seed, population, epoch)
        axes.plot(shown.time, bottom + shown.neuron, "|", ms=2.2, mew=0.6, rasterized=True,
                  color=figures.population_colour(run, population))
        ticks[bottom + n / 2] = population
        bottom += n + 4
    axes.set(xlim=(0, 1), ylim=(-2, bottom - 2))
    axes.set_yticks(list(ticks), list(ticks.values()) if leftmost else [""] * len(ticks), rotation=90, va="center")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time [s]")
    axes.set_title(f"{summary.stage.item()}\nday {summary.age.item():g}")


def _rates(axes, run, seeds):
    seen = []
    for population in figures.populations(run):
        curves = [read.curve(run, "main", seed, "rate", population)[1:] for seed in seeds]
        n = min(len(curve) for curve in curves)
        values, age = np.stack([curve.values[:n] for curve in curves]), curves[0].age.values[:n]
        colour = figures.population_colour(run, population)
        axes.fill_between(age, values.min(0), values.max(0), color=colour, alpha=0.25, lw=0)
        axes.plot(age, values.mean(0), color=colour, label=population)
        seen.append(values)
    axes.set_ylim(0, None)
    axes.set_xlim(0, None)
    axes.set_ylabel(figures.label(curves[0]))
    axes.set_xlabel(figures.label(curves[0].age))
    axes.legend(loc="best", ncols=4)
    figures.stages(axes, run, "main", seeds[0])
    return np.min(seen), np.max(seen)
