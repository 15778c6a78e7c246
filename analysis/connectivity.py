"""Who is connected to whom at four ages, in one order of neurons, with degrees at the margins."""

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize

from dpap_bio import figures
from dpap_bio import results_read as read

COLOURS = LinearSegmentedColormap.from_list("weights", ["#d5e3f0", "#6baed6", "#2171b5", "#08306b"])


def main(run, out):
    projection, seed = figures.developing(run)[0], read.seeds(run, "main")[0]
    age = read.table(run, "main", seed, "summary").age
    lives = read.table(run, "main", seed, f"synapses_{projection}")
    shape = int(lives.pre.max()) + 1, int(lives.post.max()) + 1
    shown = _four(run, seed, projection)
    matrices = [_matrix(read.snapshot(run, "main", seed, projection, epoch), shape) for epoch in shown]
    order = _order(matrices[-1])
    norm = Normalize(0, np.nanquantile(np.concatenate([m.ravel() for m in matrices]), 0.99))
    degrees = [max((~np.isnan(m)).sum(axis).max() for m in matrices) for axis in (0, 1)]
    figure = figures.canvas(7.2, 6.2)
    figure.get_layout_engine().set(hspace=0, wspace=0, h_pad=0.02, w_pad=0.02)
    body, side = figure.subfigures(1, 2, width_ratios=(10, 1))
    for part, epoch, matrix in zip(body.subfigures(2, 2).flat, shown, matrices, strict=False):
        axes = part.subplots(2, 2, width_ratios=(5, 1), height_ratios=(1, 5))
        axes[0, 1].set_axis_off()
        picture = axes[1, 0].imshow(matrix[:, order], aspect="auto", cmap=COLOURS, norm=norm, interpolation="nearest")
        there = ~np.isnan(matrix[:, order])
        axes[0, 0].bar(np.arange(shape[1]), there.sum(0), width=1, color=figures.GREY)
        axes[1, 1].barh(np.arange(shape[0]), there.sum(1), height=1, color=figures.GREY)
        axes[0, 0].set(xlim=(-0.5, shape[1] - 0.5), ylim=(0, degrees[0]), xticks=[], ylabel="in",
                       title=f"day {age.sel(epoch=epoch).item():g}: {there.sum()} synapses")
        axes[1, 1].set(ylim=(shape[0] - 0.5, -0.5), xlim=(0, degrees[1]), yticks=[], xlabel="out")
        axes[1, 0].set(xlabel="postsynaptic neuron, sorted", ylabel="presynaptic neuron")
        axes[1, 0].spines[["top", "right"]].set_visible(True)
    figure.colorbar(picture, cax=side.add_axes((0.1, 0.3, 0.2, 0.4)), extend="max",
                    label=figures.label(read.table(run, "main", seed, f"snapshots_{projection}").w))
    figure.savefig(out)
    caption = (f"Weights of {projection} at {len(shown)} ages in the main arm, seed {seed} (n = 1 network); white: no "
               "synapse. The order of neurons is the same at all ages: postsynaptic ones by the likeness of their "
               "inputs at the end, those without any last. Bars: numbers of synapses that a neuron gets (in) "
               "and makes (out).")
    counts = ", ".join(str(int((~np.isnan(m)).sum())) for m in matrices)
    return caption, f"Four matrices of {projection} weights, {shape[0]} by {shape[1]} neurons, with {counts} synapses."


def _four(run, seed, projection):
    """Birth, the peak, half-way and the end, each at the nearest snapshot."""
    from dpap_bio.measures import peak_epoch

    due = np.array(read.epochs(run, "main", seed, "snapshots"))
    peak = peak_epoch(run, "main", seed, projection)
    peak = peak if due[0] < peak < due[-1] else due[len(due) // 3]
    wanted = [due[0], peak, (peak + due[-1]) / 2, due[-1]]
    return sorted({int(due[np.abs(due - epoch).argmin()]) for epoch in wanted})


def _matrix(snapshot, shape):
    matrix = np.full(shape, np.nan)
    matrix[snapshot.pre.values, snapshot.post.values] = snapshot.w.values
    return matrix


def _order(matrix):
    """Postsynaptic neurons by the angle of their weights in the plane of the two largest principal components."""
    weights = np.nan_to_num(matrix)
    _, _, components = np.linalg.svd(weights - weights.mean(1, keepdims=True), full_matrices=False)
    angle = np.arctan2(components[1], components[0])
    return np.argsort(np.where(weights.any(0), angle, np.inf), kind="stable")
