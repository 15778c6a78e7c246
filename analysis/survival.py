"""How long synapses live, by their weight at birth (Kaplan-Meier)."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.measures import kaplan_meier

THIRDS = {0: "lowest third", 1: "middle third", 2: "highest third"}


def main(run, out):
    projections, seeds = figures.developing(run), read.seeds(run, "main")
    arms = [arm for arm in ("main", "random") if arm in read.arms(run)]
    figure = figures.canvas(7.2, 4.8)
    axes = figure.subplots(2, len(projections), height_ratios=(4, 1), sharey="row", squeeze=False)
    said = []
    for (above, below), projection in zip(axes.T, projections, strict=True):
        for arm in arms:
            lives = [_lives(run, arm, seed, projection) for seed in read.seeds(run, arm)]
            duration, died, third = (np.concatenate(parts) for parts in zip(*lives, strict=True))
            names = THIRDS if third.any() else {0: "all, alike at birth"}
            for k, name in names.items():
                left = _curve(above, duration[third == k], died[third == k], k, arm, name)
                said += [f"{projection}, {name} {left:.0%}"] if arm == "main" else []
            if arm == "main":
                _at_risk(below, above, duration, third, names)
        above.set_title(projection)
        above.legend(title="weight at birth", loc="lower left", alignment="left", ncols=len(arms))
    axes[0, 0].set(ylim=(0, 1.02), ylabel="share of synapses alive")
    figure.savefig(out)
    control = " Dashed: the same of arm random, where chance decides." if "random" in arms else ""
    caption = (f"Kaplan-Meier survival of {' and '.join(projections)} synapses by thirds of their weight at birth "
               "(within each seed), main arm; who lives at the end counts up to then. All seeds together; "
               f"{figures.seeds_said(seeds)}.{control} Below: number at risk in the main arm.")
    return caption, f"Survival curves of synapses by weight at birth; at the end are alive: {'; '.join(said)}."


def _lives(run, arm, seed, projection):
    """Age at death or at the end, whether it died, and its third of the birth weights (0 if all are alike)."""
    synapses = read.table(run, arm, seed, f"synapses_{projection}")
    end = float(read.table(run, arm, seed, "summary").age[-1])
    died = ~np.isnan(synapses.died.values)
    duration = np.where(died, synapses.died.values, end) - synapses.born.values
    weight = synapses.w_birth.values
    return duration, died, np.searchsorted(np.quantile(weight, (1 / 3, 2 / 3)), weight)


def _curve(axes, duration, died, k, arm, name):
    time, alive, _ = kaplan_meier(duration, died)
    time, alive = np.concatenate([[0], time, [duration.max(initial=0)]]), np.concatenate([[1], alive])
    style = {"lw": 2.2, "label": name} if arm == "main" else {"lw": 1.2, "ls": "--", "label": f"{name}, arm {arm}"}
    axes.step(time, np.append(alive, alive[-1]), where="post", color=figures.SHADES[k], **style)
    return alive[-1]


def _at_risk(axes, above, duration, third, names):
    """A table of who is still under observation at some ages, below the curves."""
    ages = [age for age in above.get_xticks() if 0 <= age <= duration.max()]
    axes.set(xlim=above.get_xlim(), ylim=(len(names) - 0.5, -0.5), xticks=[], xlabel="age of the synapse [day]")
    axes.set_yticks(list(names), list(names.values()))
    for k in names:
        for age in ages:
            axes.text(age, k, np.count_nonzero(duration[third == k] >= age), ha="center", va="center", fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
