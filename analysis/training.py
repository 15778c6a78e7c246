"""A training that prunes: accuracy, what is left of the network, and what is left of each layer, against epochs."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.measures_training import SIZES

LINES = {"weights": "-", "units": "--", "macs": ":"}


def main(run, out):
    arms, seeds = read.arms(run), read.seeds(run, "main")
    figure = figures.canvas(7.2, 5.6)
    (left, right), (below, table) = figure.subplots(2, 2)
    said = []
    for arm in arms:
        said.append(_accuracy(left, run, arm))
        _left(right, run, arm)
    settled = [line.get_ydata()[len(line.get_ydata()) // 5 :].min() for line in left.lines]
    left.set(xlabel="epochs of training", ylabel="right answers on the test part [%]",
             ylim=(max(0, np.floor(min(settled)) - 1), 100))
    left.legend(loc="lower right")
    right.set(xlabel="epochs of training", ylabel="what lives [% of the full network]", ylim=(0, 103))
    for size in SIZES:
        right.plot([], [], LINES[size], color=figures.DARK, label=size)
    right.legend()
    _layers(below, run, seeds)
    _numbers(table, run, arms)
    figure.savefig(out)
    caption = ("Top left: right answers on the test part after each epoch; a line is a seed. Top right: weights, units "
               "and multiplications (macs) that live, mean over seeds. Bottom left: weights that live in each layer of "
               f"the main arm. Bottom right: the network at the end of training. {figures.seeds_said(seeds)}.")
    return caption, f"Curves of accuracy and of pruning. At the end: {'; '.join(said)}."


def _accuracy(axes, run, arm):
    last = []
    for k, seed in enumerate(read.seeds(run, arm)):
        rows = read.table(run, arm, seed, "training")
        values = 100 * rows.accuracy.sel(part="test").values
        axes.plot(rows.epoch + 1, values, color=figures.arm_colour(run, arm), lw=1.2, label=arm if k == 0 else None)
        last.append(values[-1])
    return f"{arm} {np.mean(last):.2f} % right"


def _left(axes, run, arm):
    rows = [read.table(run, arm, seed, "training") for seed in read.seeds(run, arm)]
    for size in SIZES:
        left = np.mean([100 * (r[f"live_{size}"].sum("layer") / r[size].sum("layer")).values for r in rows], axis=0)
        axes.plot(rows[0].epoch + 1, left, LINES[size], color=figures.arm_colour(run, arm), lw=1.4)


def _layers(axes, run, seeds):
    rows = [read.table(run, "main", seed, "training") for seed in seeds]
    layers = [str(name) for name in rows[0].layer.values]
    for k, layer in enumerate(layers):
        left = np.mean([100 * (r.live_weights / r.weights).sel(layer=layer).values for r in rows], axis=0)
        axes.plot(rows[0].epoch + 1, left, color=figures.SHADES[min(k, 2)], ls="-" if k < 3 else "--", label=layer)
    axes.set(xlabel="epochs of training", ylabel="weights that live in a layer [%]", ylim=(0, 103))
    axes.legend()


def _numbers(axes, run, arms):
    axes.set_axis_off()
    rows = []
    for arm in arms:
        last = [read.table(run, arm, seed, "training").isel(epoch=-1) for seed in read.seeds(run, arm)]
        right = [100 * float(r.accuracy.sel(part="test")) for r in last]
        left = [100 * float(r.live_weights.sum() / r.weights.sum()) for r in last]
        spikes, synops = ([float(r[name].sum()) for r in last] for name in ("spikes", "synops"))
        spread = f" ± {np.std(right, ddof=1):.2f}" if len(right) > 1 else ""
        rows.append([arm, f"{np.mean(right):.2f}{spread}", f"{np.mean(left):.1f}", f"{np.mean(spikes):.0f}",
                     f"{np.mean(synops) / 1e3:,.0f} k"])
    table = axes.table(rows, colLabels=["arm", "right [%]", "weights [%]", "spikes", "synops"], loc="center",
                       colWidths=[0.2, 0.26, 0.24, 0.14, 0.16], cellLoc="left", colLoc="left", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(7)
    table.scale(1, 1.4)
