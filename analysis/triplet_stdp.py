"""The change after 60 pairs against the rate of pairing, for every parameter set, beside the recordings."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import changes, fit_error

SETS = {"synapse": ("minimal", figures.SHADES[2], "-"), "full": ("full", figures.SHADES[1], "-"),
        "nearest": ("minimal, nearest spikes", figures.SHADES[2], "--"),
        "nearest_full": ("full, nearest spikes", figures.SHADES[1], "--")}


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    figure = figures.canvas(7.2, 3.6)
    panels = figure.subplots(1, 2, sharey=True)
    said = []
    for axes, lag in zip(panels, (10, -10), strict=True):
        at = shown.lag.values == lag
        rate = shown.rate.values[at]
        for name, (title, colour, style) in SETS.items():
            change, _ = changes(run, "main", seed, name)
            error = fit_error(run, "main", seed, projection=name, data="data", sem="sem")
            axes.plot(rate, change[at], style, color=colour, label=f"{title}: {error:.2f}")
            said += [f"{title} {error:.2f}"] if lag == 10 else []
        if "pairs" in read.arms(run):
            change, _ = changes(run, "pairs", seed, "synapse")
            error = fit_error(run, "pairs", seed, projection="synapse", data="data", sem="sem")
            axes.plot(rate, change[at], ":", color=figures.arm_colour(run, "pairs"), label=f"pair rule: {error:.1f}")
        axes.errorbar(rate, shown.data.values[at], shown.sem.values[at], fmt="o", color="black", ms=4, capsize=2,
                      label="recorded, SEM")
        axes.axhline(0, color=figures.GREY, lw=0.6)
        order = "after" if lag > 0 else "before"
        axes.set(title=f"post {np.abs(lag)} ms {order} pre", xlabel=f"rate of the pairs [{shown.rate.attrs['units']}]")
    panels[0].set_ylabel("change of the weight")
    panels[0].legend(title="rule: error of fit", loc="upper left", alignment="left", fontsize=7.5)
    figure.savefig(out)
    caption = ("Change of the weight after 60 pairs against the rate of pairing. Points: recordings of Sjostrom et al. "
               "2001 with standard error; lines: parameter sets of Pfister and Gerstner 2006, none fitted here; "
               "dotted: the pair rule, which must fail. Error of fit: mean squared distance in standard errors.")
    return caption, f"Two panels of change against rate; errors of fit: {', '.join(said)}."
