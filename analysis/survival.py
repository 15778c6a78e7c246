"""How long synapses live, by their weight at birth (Kaplan-Meier)."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.measures import kaplan_meier

NAMES = ("lowest third", "middle third", "highest third")


def main(run, out):
    projection = figures.developing(run)
    figure = figures.canvas(7.2, 4.8)
    above, below = figure.subplots(2, 1, height_ratios=(4, 1))
    arms = [arm for arm in ("main", "random") if arm in read.arms(run)]
    said = {}
    for arm in arms:
        lives = [_lives(run, arm, seed, projection) for seed in read.seeds(run, arm)]
        duration, died, third = (np.concatenate(parts) for parts in zip(*lives, strict=True))
        for k, name in enumerate(NAMES):
            inside = third == k
            if inside.any():
                said[arm, k] = _curve(above, duration[inside], died[inside], figures.SHADES[k], arm, name)
    seeds = read.seeds(run, "main")
    lives = [_lives(run, "main", seed, projection) for seed in seeds]
    _at_risk(below, above, np.concatenate([d for d, _, _ in lives]), np.concatenate([t for _, _, t in lives]))
    above.set(ylim=(0, 1.02), ylabel="share of synapses alive")
    above.legend(title="weight at birth", loc="lower left", alignment="left", ncols=len(arms))
    figure.savefig(out)
    control = " Dashed: the same of arm random, where chance decides." if "random" in arms else ""
    caption = (f"Kaplan-Meier survival of {projection} synapses by thirds of their weight at birth (within each seed), "
               f"main arm; who lives at the end counts up to then. All seeds together; {figures.seeds_said(seeds)}."
               f"{control} Below: number at risk.")
    left = ", ".join(f"{NAMES[k]} {share:.0%}" for (arm, k), share in said.items() if arm == "main")
    return caption, f"Survival curves of synapses by weight at birth; at the end are alive: {left}."


def _lives(run, arm, seed, projection):
    """Age at death or at the end, whether it died, and the third of birth weights that it belongs to."""
    synapses = read.table(run, arm, seed, f"synapses_{projection}")
    end = float(read.table(run, arm, seed, "summary").age[-1])
    died = ~np.isnan(synapses.died.values)
    duration = np.where(died, synapses.died.values, end) - synapses.born.values
    cuts = np.quantile(synapses.w_birth.values, (1 / 3, 2 / 3))
    return duration, died, np.searchsorted(cuts, synapses.w_birth.values)


def _curve(axes, duration, died, colour, arm, name):
    time, alive, _ = kaplan_meier(duration, died)
    alive = np.concatenate([[1], alive])
    time = np.concatenate([[0], time, [duration.max()]])
    style = {"lw": 2.2, "label": name} if arm == "main" else {"lw": 1.2, "ls": "--", "label": f"{name}, arm {arm}"}
    axes.step(time, np.append(alive, alive[-1]), where="post", color=colour, **style)
    return alive[-1]


def _at_risk(axes, above, duration, third):
    """A table of who is still under observation at some ages, below the curves."""
    ages = [age for age in above.get_xticks() if 0 <= age <= duration.max()]
    axes.set(xlim=above.get_xlim(), ylim=(len(NAMES) - 0.5, -0.5), yticks=range(len(NAMES)), xticks=[])
    axes.set_yticklabels(NAMES)
    for k in range(len(NAMES)):
        for age in ages:
            axes.text(age, k, np.count_nonzero(duration[third == k] >= age), ha="center", va="center", fontsize=8,
                      color=figures.SHADES[k] if k else figures.DARK)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("age of the synapse [day]")
