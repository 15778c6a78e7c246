"""Distribution of weights at several ages, one below the other; what is eliminated later in grey."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read


def main(run, out):
    projection, seeds = figures.developing(run), read.seeds(run, "main")
    due = read.epochs(run, "main", seeds[0], "snapshots")
    shown = [due[k] for k in np.unique(np.linspace(0, len(due) - 1, 6).round().astype(int))]
    age = read.table(run, "main", seeds[0], "summary").age
    now = [_pooled(run, seeds, projection, epoch) for epoch in shown]
    edges = np.linspace(min(0, *(w.min() for w, _ in now)), max(w.max() for w, _ in now), 31)
    figure = figures.canvas(7.2, 5.6)
    axes = figure.subplots()
    numbers = [(np.histogram(w[~lost], edges)[0], np.histogram(w[lost], edges)[0]) for w, lost in now]
    up, down = (np.sqrt(side) for side in np.moveaxis(numbers, 1, 0))
    step = 1.1 * (np.append(up, np.zeros_like(up[:1]), 0) + np.append(np.zeros_like(up[:1]), down, 0)).max()
    for row, epoch in enumerate(shown):
        base = -row * step
        axes.stairs(base + up[row], edges, baseline=base, fill=True, color=figures.SHADES[1],
                    label="survive to the end" if row == 0 else None)
        axes.stairs(base - down[row], edges, baseline=base, fill=True, color=figures.GREY,
                    label="eliminated later" if row == 0 else None)
        axes.axhline(base, color=figures.DARK, lw=0.6)
        axes.annotate(f"day {age.sel(epoch=epoch).item():g}", (edges[0], base), (-6, 0), textcoords="offset points",
                      ha="right", va="center")
        for side, place in zip(numbers[row], ("bottom", "top"), strict=True):
            axes.annotate(f"{side.sum()}", (edges[-1], base), (6, 0), textcoords="offset points", va=place,
                          color=figures.SHADES[1] if place == "bottom" else figures.DARK)
    axes.annotate("synapses", (edges[-1], 0.3 * step), (6, 0), textcoords="offset points", color=figures.DARK)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(figures.label(read.table(run, "main", seeds[0], f"snapshots_{projection}").w))
    axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.08))
    figure.savefig(out)
    share = [lost.mean() for _, lost in now]
    caption = (f"Weights of {projection} synapses in the main arm at {len(shown)} ages, oldest at the bottom: "
               "upwards those that survive to the end, downwards in grey those that are eliminated later. Heights are "
               "square roots of numbers per bin, on one scale; the numbers of all stand at the right. All seeds "
               f"together; {figures.seeds_said(seeds)}.")
    alt = (f"Ridge plot of weight distributions at {len(shown)} ages; the share that is eliminated later falls from "
           f"{share[0]:.0%} to {share[-1]:.0%}.")
    return caption, alt


def _pooled(run, seeds, projection, epoch):
    """The weights at an epoch in all seeds, and which of them are of synapses that die later."""
    weights, lost = [], []
    for seed in seeds:
        then = read.snapshot(run, "main", seed, projection, epoch)
        lives = read.table(run, "main", seed, f"synapses_{projection}")
        weights.append(then.w.values)
        lost.append(np.isin(then.id.values, lives.id.values[~np.isnan(lives.died.values)]))
    return np.concatenate(weights), np.concatenate(lost)
