"""Changes after triplets and quadruplets of spikes, for every parameter set, beside the recordings."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import changes

SETS = {"synapse": ("full", figures.SHADES[2]), "minimal": ("minimal", figures.SHADES[1]),
        "nearest": ("full, nearest spikes", figures.SHADES[0])}


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    names = [str(n) for n in shown.condition.values]
    quads = [k for k, n in enumerate(names) if n.startswith("quad")]
    triplets = [k for k in range(len(names)) if k not in quads]
    figure = figures.canvas(7.2, 4.0)
    left, right = figure.subplots(1, 2, sharey=True)
    change = {name: changes(run, "main", seed, name)[0] for name in SETS}
    change["pairs"] = changes(run, "pairs", seed, "synapse")[0] if "pairs" in read.arms(run) else np.full(len(names),
                                                                                                          np.nan)
    styles = {**SETS, "pairs": ("pair rule", figures.GREY)}
    for k, (name, (title, colour)) in enumerate(styles.items()):
        left.bar(np.arange(len(triplets)) + (k - 1.5) / 5, change[name][triplets], 1 / 5, color=colour, label=title)
        middles = np.array([_middle(names[q]) for q in quads])
        order = np.argsort(middles)
        right.plot(middles[order], change[name][np.array(quads)[order]], "o-", ms=3, color=colour)
    left.errorbar(np.arange(len(triplets)), shown.data.values[triplets], shown.sem.values[triplets], fmt="D",
                  color="black", ms=4, capsize=3, label="recorded, SEM")
    left.set_xticks(np.arange(len(triplets)), [_said(names[k]) for k in triplets], fontsize=7.5)
    left.set(ylabel="change of the weight", title="triplets (intervals in ms)")
    left.legend(loc="upper left", fontsize=7.5)
    right.set(title="quadruplets", xlabel="depressing pair to potentiating pair [ms]")
    for axes in (left, right):
        axes.axhline(0, color=figures.GREY, lw=0.6)
    figure.savefig(out)
    caption = ("Changes after 60 repetitions of triplets (left; points: recordings of Wang et al. 2005, from memory) "
               "and quadruplets (right; beyond 0 potentiation comes last). For the pair rule order within does "
               "not count.")
    three = ", ".join(f"{_said(names[k])}: {change['synapse'][k]:.2f}".replace("\n", " ") for k in triplets)
    return caption, f"Bars of the changes after triplets with the full set ({three}) and curves of quadruplets."


def _middle(name):
    return int(name.rpartition("_")[2]) * (-1 if "minus" in name else 1)


def _said(name):
    *order, first, second = name.split("_")
    return f"{order[0]}\n{order[1]}\n{order[2]}\n{first}, {second}"
