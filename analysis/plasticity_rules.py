"""Distance of every plasticity rule from its equations worked out event by event, for each pattern of spikes."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import changes


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    rules = [n.removeprefix("of_") for n in shown if n.startswith("of_") and n != "of_spine"]
    change = np.stack([changes(run, "main", seed, rule)[0] for rule in rules])
    error = np.abs(change - np.stack([shown[f"of_{rule}"].values for rule in rules]))
    figure = figures.canvas(7.2, 3.8)
    left, right = figure.subplots(1, 2, sharey=True)
    y = np.arange(len(rules))[::-1]
    for k, name in enumerate(shown.condition.values):
        left.plot(change[:, k], y + (k - 2.5) / 9, "o", ms=3.5, color=f"C{k}", label=str(name))
        right.plot(np.maximum(error[:, k], 1e-16), y + (k - 2.5) / 9, "o", ms=3.5, color=f"C{k}")
    left.axvline(0, color=figures.GREY, lw=0.6)
    left.set_yticks(y, rules)
    left.set(xlabel="change of the weight", title="what each rule does")
    right.set(xscale="log", xlim=(1e-16, 1), xlabel="distance from the events worked out", title="and how exactly")
    figure.legend(loc="outside lower center", ncols=6, fontsize=7.5)
    figure.savefig(out)
    caption = ("Change of the weight under every plasticity rule for six patterns of spikes (left), and its distance "
               "from the equations worked out event by event (right). Rules that integrate a rate in time steps are "
               "less exact than those that are driven by events.")
    worst = ", ".join(f"{rule} {e.max():.0e}" for rule, e in zip(rules, error, strict=True))
    return caption, f"Changes and errors of {len(rules)} rules; largest errors: {worst}."
