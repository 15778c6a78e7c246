"""Which eye's synapses are pruned, and when: survivors of either eye over age, the left eye's share of the weight."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_competition import lives_of, weights

PROJECTION, EYES = "forward", (("left eye", "#0072B2", 0.0), ("right eye", "#D55E00", 0.5))


def main(run, out):
    names, arms = of_run(run).condition.values.astype(str), read.arms(run)
    figure = figures.canvas(7.2, 5.2)
    grid = figure.subplots(2, len(names), sharex=True, sharey="row")
    age = read.table(run, "main", read.seeds(run, "main")[0], "summary").age.values
    for (above, below), name in zip(grid.T, names, strict=True):
        for arm, style in zip(("main", "random"), ("-", ":"), strict=True):
            for eye, colour, low in EYES if arm in arms else ():
                died = np.concatenate([lives_of(run, arm, seed, PROJECTION, name, low, low + 0.5)
                                       for seed in read.seeds(run, arm)])
                alive = [np.mean(~(died <= a)) for a in age]
                above.plot(age, alive, style, color=colour, label=f"{eye}, {arm}")
        for arm in arms:
            at, share = _left(run, arm, name)
            below.plot(at, share, color=figures.arm_colour(run, arm), label=arm)
        below.axhline(0.5, color=figures.GREY, lw=0.6)
        below.set(xlabel="age [day]", ylim=(0, 0.75))
        above.set_title(f"{name} vision", pad=12)
        for axes in (above, below):
            figures.stages(axes, run, "main", read.seeds(run, "main")[0], names=False)
    grid[0][0].set_ylabel("share of synapses alive")
    grid[0][0].set_ylim(0, 1.05)
    grid[1][0].set_ylabel("left eye's share\nof the weight")
    grid[0][0].legend(fontsize=7)
    grid[1][0].legend(fontsize=7)
    figure.savefig(out)
    left = {n: _left(run, "main", n)[1][-1] for n in names}
    return ("Above: synapses of either eye that are alive, with DPAP's pruning (lines) and as many pruned by chance "
            "(dotted). Below: the left eye's share of the weight its cells receive. Shaded: normal rearing; afterwards "
            "both eyes are open, the left one is closed, or both are. "
            + figures.seeds_said(read.seeds(run, "main")) + "."), (
            "The left eye's share of the weight ends at " + ", ".join(f"{v:.2f} ({n})" for n, v in left.items()) + ".")


def _left(run, arm, name):
    """Age of each snapshot, and the left eye's share of the weight then, the mean over seeds."""
    epochs = read.epochs(run, arm, read.seeds(run, arm)[0], "snapshots")
    summary = read.table(run, arm, read.seeds(run, arm)[0], "summary")
    shares = []
    for seed in read.seeds(run, arm):
        both = [weights(run, arm, seed, PROJECTION, name, epoch=e) for e in epochs]
        shares.append([w[place < 0.5].sum() / w.sum() for w, place in both])
    return summary.age.sel(epoch=epochs).values, np.mean(shares, 0)
