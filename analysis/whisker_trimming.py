"""Turnover and density of spines with whiskers trimmed, by the sign of the rule."""

from dpap_bio import figures
from dpap_bio import results_read as read

CHANGES = {"elimination_change": (-0.6, -0.2), "formation_change": (-0.15, 0.15)}  # bands, as judged


def main(run, out):
    seeds = read.seeds(run, "main")
    first = read.table(run, "main", seeds[0], "outcome")
    figure = figures.canvas(7.2, 3.4)
    density, change = figure.subplots(1, 2, width_ratios=(1, 1.2))
    density.plot(first.day, _mean(run, "main", "density_control"), color=figures.GREY, label="untrimmed")
    for arm in read.arms(run):
        title = "main: elimination follows activity" if arm == "main" else arm
        density.plot(first.day, _mean(run, arm, "density_trimmed"), color=figures.arm_colour(run, arm), label=title)
    density.axvline(first.day.values[-1] - 14, color=figures.GREY, lw=0.7, ls=":")
    density.set(xlabel=figures.label(first.day), ylabel="density of spines over day 0", ylim=(0.3, None))
    density.legend(fontsize=7, loc="lower left")
    arms = read.arms(run)
    for k, (name, (low, high)) in enumerate(CHANGES.items()):
        change.barh(k, high - low, left=low, height=0.8, color=figures.LIGHT)
        for j, arm in enumerate(arms):
            for model, mark in (("", "o"), ("states_", "x")):
                height = k + 0.3 - 0.6 * j / max(1, len(arms) - 1)
                at = float(_mean(run, arm, model + name))
                change.plot(at, height, mark, color=figures.arm_colour(run, arm), ms=5)
    change.axvline(0, color=figures.GREY, lw=0.7)
    change.set_yticks([0, 1], ["elimination", "formation"])
    change.set(xlabel="change by trimming in 14 days, relative", ylim=(-0.5, 1.5))
    figure.savefig(out)
    caption = ("Left: density of spines of young animals, trimmed from day 0; whiskers are back at the dotted line. "
               "Right: change of elimination and formation; grey: Zuo et al. 2005; dots: DPAP's reserve, crosses: two "
               f"states; colours as on the left. Mean, {figures.seeds_said(seeds)}.")
    return caption, (f"Trimming changes elimination by {float(_mean(run, 'main', 'elimination_change')):.0%} when it "
                     "follows activity; use it or lose it has the opposite sign.")


def _mean(run, arm, name):
    return sum(read.table(run, arm, seed, "outcome")[name] for seed in read.seeds(run, arm)) / len(read.seeds(run, arm))
