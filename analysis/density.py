"""Synapse density with age in every arm, and the births and eliminations behind it."""

import numpy as np

from dpap_bio import figures, measures
from dpap_bio import results_read as read


def main(run, out):
    projection = figures.developing(run)
    figure = figures.canvas(7.2, 5.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.6))
    for width, arm in zip(np.linspace(4.2, 1.2, len(read.arms(run))), read.arms(run), strict=True):
        curves = [read.curve(run, arm, seed, "density", projection) for seed in read.seeds(run, arm)]
        n = min(len(curve) for curve in curves)  # seeds that were stopped early end the band
        values, age = np.stack([curve.values[:n] for curve in curves]), curves[0].age.values[:n]
        above.fill_between(age, values.min(0), values.max(0), color=figures.arm_colour(run, arm), alpha=0.2, lw=0)
        above.plot(age, values.mean(0), color=figures.arm_colour(run, arm), lw=width, label=arm)
        if arm == "main":
            _peak(above, age, values.mean(0))
    above.set_ylim(0, 1.1 * above.get_ylim()[1])
    above.set_ylabel(figures.label(curves[0]))
    above.legend(title="arm", loc="lower left", alignment="left")
    seeds = read.seeds(run, "main")
    figures.stages(above, run, "main", seeds[0])
    figures.stages(below, run, "main", seeds[0], names=False)
    _turnover(below, run, seeds, projection)
    below.set_xlabel(figures.label(curves[0].age))
    figure.savefig(out)
    ratio = np.mean([measures.MEASURES["peak_over_adult"](run, "main", [s], {"projection": projection, "last": 0.2})[s]
                     for s in seeds])
    caption = (f"Density of {projection} synapses against developmental age. Lines: mean over seeds, bands: smallest "
               f"to largest seed; {figures.seeds_said(seeds)}. Adult: mean of the last fifth. Thin lines on thick "
               "ones coincide. Below: births and eliminations per day in the main arm, mean over seeds.")
    alt = (f"Line chart: in the main arm the density of {projection} has a peak {ratio:.2f} times the adult level; "
           f"other arms shown: {', '.join(read.arms(run)[1:]) or 'none'}.")
    return caption, alt


def _peak(axes, age, density):
    adult = density[-max(2, len(density) // 5):].mean()
    top = age[density >= 0.995 * density.max()]
    axes.axhline(adult, color=figures.GREY, lw=0.8, ls=":", zorder=1)
    axes.annotate(f"peak {density.max() / adult:.2f} \N{MULTIPLICATION SIGN} adult",
                  ((top[0] + top[-1]) / 2, density.max()), (0, 5), textcoords="offset points", ha="center")
    axes.annotate("adult", (age[0] + (age[-1] - age[0]) / 4, adult), (0, 2), textcoords="offset points",
                  color=figures.DARK)


def _turnover(axes, run, seeds, projection):
    for name, sign, colour in (("born", 1, figures.SHADES[1]), ("died", -1, figures.GREY)):
        curves = [read.curve(run, "main", seed, name, projection) for seed in seeds]
        n = min(len(curve) for curve in curves)
        age = curves[0].age.values[:n]
        days = np.diff(age)
        per_day = np.mean([curve.values[1:n] for curve in curves], axis=0) / days
        axes.bar(age[1:] - days / 2, sign * per_day, width=0.85 * days, color=colour,
                 label={"born": "births", "died": "eliminations"}[name])
    axes.axhline(0, color=figures.DARK, lw=0.8)
    axes.set_ylabel("synapses per day")
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.legend(loc="upper right")
