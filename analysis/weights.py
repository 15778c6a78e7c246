"""Distribution of weights at several ages, one below the other; what is eliminated later in grey."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read


def main(run, out):
    projections, seeds = figures.developing(run), read.seeds(run, "main")
    due = read.epochs(run, "main", seeds[0], "snapshots")
    shown = [due[k] for k in np.unique(np.linspace(0, len(due) - 1, 6).round().astype(int))]
    figure = figures.canvas(7.2, 5.6)
    columns = figure.subplots(1, len(projections), squeeze=False)[0]
    shares = [_ridges(axes, run, seeds, name, shown) for axes, name in zip(columns, projections, strict=True)]
    figure.legend(*columns[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    figure.savefig(out)
    caption = (f"Weights of {' and '.join(projections)} synapses in the main arm at {len(shown)} ages, oldest at the "
               "bottom: upwards those that survive to the end, downwards in grey those that are eliminated later. "
               "Heights are square roots of numbers per bin, on one scale; the numbers of all stand at the right. "
               f"All seeds together; {figures.seeds_said(seeds)}.")
    said = " and ".join(f"from {first:.0%} to {last:.0%} in {name}"
                        for (first, last), name in zip(shares, projections, strict=True))
    return caption, f"Ridge plot of weights at {len(shown)} ages; the share that is eliminated later falls {said}."


def _ridges(axes, run, seeds, projection, shown):
    """One ridge for each epoch; returns the share of synapses to be eliminated at the first and the last."""
    age = read.table(run, "main", seeds[0], "summary").age
    now = [_pooled(run, seeds, projection, epoch) for epoch in shown]
    edges = np.linspace(min(0, *(w.min(initial=0) for w, _ in now)), max(w.max(initial=1e-9) for w, _ in now), 31)
    numbers = [(np.histogram(w[~lost], edges)[0], np.histogram(w[lost], edges)[0]) for w, lost in now]
    up, down = (np.sqrt(side) for side in np.moveaxis(numbers, 1, 0))
    nothing = np.zeros_like(up[:1])
    step = 1.1 * (np.append(up, nothing, 0) + np.append(nothing, down, 0)).max()
    for row, epoch in enumerate(shown):
        base = -row * step
        for height, colour, name in ((up[row], figures.SHADES[1], "survive to the end"),
                                     (-down[row], figures.GREY, "eliminated later")):
            axes.stairs(base + height, edges, baseline=base, fill=True, color=colour, label=name if row == 0 else None)
        axes.axhline(base, color=figures.DARK, lw=0.6)
        axes.annotate(f"day {age.sel(epoch=epoch).item():g}", (edges[0], base), (-6, 0), textcoords="offset points",
                      ha="right", va="center")
        for side, place, colour in zip(numbers[row], ("bottom", "top"), (figures.SHADES[1], figures.DARK), strict=True):
            axes.annotate(f"{side.sum()}", (edges[-1], base), (6, 0), textcoords="offset points", va=place,
                          color=colour)
    axes.annotate("synapses", (edges[-1], 0.3 * step), (6, 0), textcoords="offset points", color=figures.DARK)
    axes.set(yticks=[], xlim=(edges[0], edges[-1]), title=projection)
    axes.set_ylim(-(len(shown) - 1) * step - max(down[-1].max(), 0.35 * step), None)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlabel(figures.label(read.table(run, "main", seeds[0], f"snapshots_{projection}").w))
    return [lost.mean() if len(lost) else 0.0 for _, lost in (now[0], now[-1])]


def _pooled(run, seeds, projection, epoch):
    """The weights at an epoch in all seeds, and which of them are of synapses that die later."""
    weights, lost = [], []
    for seed in seeds:
        then = read.snapshot(run, "main", seed, projection, epoch)
        lives = read.table(run, "main", seed, f"synapses_{projection}")
        weights.append(then.w.values)
        lost.append(np.isin(then.id.values, lives.id.values[~np.isnan(lives.died.values)]))
    return np.concatenate(weights), np.concatenate(lost)
