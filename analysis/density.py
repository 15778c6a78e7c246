"""Synapse density with age in every arm, and the births and eliminations behind it."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read


def main(run, out):
    projections, seeds = figures.developing(run), read.seeds(run, "main")
    figure = figures.canvas(7.2, 5.0)
    axes = figure.subplots(2, len(projections), sharex=True, sharey="row", height_ratios=(3, 1.6), squeeze=False)
    peaks = []
    for (above, below), projection in zip(axes.T, projections, strict=True):
        peaks.append(_density(above, run, projection))
        _turnover(below, run, seeds, projection)
        figures.stages(above, run, "main", seeds[0])
        figures.stages(below, run, "main", seeds[0], names=False)
        if len(projections) > 1:
            above.set_title(projection, pad=18)
    axes[0, 0].set(ylim=(0, 1.1 * axes[0, 0].get_ylim()[1]),
                   ylabel=figures.label(read.curve(run, "main", seeds[0], "density", projections[0])))
    axes[0, 0].legend(title="arm", loc="lower left", alignment="left")
    axes[1, 0].set_ylabel("synapses per day")
    axes[1, -1].legend(loc="best")
    figure.savefig(out)
    caption = (f"Density of {' and '.join(projections)} synapses against developmental age. Lines: mean over seeds, "
               f"bands: smallest to largest seed; {figures.seeds_said(seeds)}. Adult: mean of the last fifth. Thin "
               "lines on thick ones coincide. Below: births and eliminations per day in the main arm, mean over seeds.")
    said = [f"{peak:.2f} times the adult level in {name}" for name, peak in zip(projections, peaks, strict=True)]
    return caption, (f"Line chart: in the main arm the density has a peak {' and '.join(said)}; other arms shown: "
                     f"{', '.join(read.arms(run)[1:]) or 'none'}.")


def _density(axes, run, projection):
    """The curves of all arms; returns the peak of the main arm over its adult level."""
    for width, arm in zip(np.linspace(4.2, 1.2, len(read.arms(run))), read.arms(run), strict=True):
        curves = [read.curve(run, arm, seed, "density", projection) for seed in read.seeds(run, arm)]
        n = min(len(curve) for curve in curves)  # a seed that was stopped early ends the band
        values, age = np.stack([curve.values[:n] for curve in curves]), curves[0].age.values[:n]
        axes.fill_between(age, values.min(0), values.max(0), color=figures.arm_colour(run, arm), alpha=0.2, lw=0)
        axes.plot(age, values.mean(0), color=figures.arm_colour(run, arm), lw=width, label=arm)
        if arm == "main":
            density, adult = values.mean(0), values.mean(0)[-max(2, round(n / 5)):].mean()
            top = age[density >= 0.995 * density.max()]
            axes.axhline(adult, color=figures.GREY, lw=0.8, ls=":", zorder=1)
            ratio = density.max() / adult if adult else np.inf
            axes.annotate(f"peak {ratio:.2f} \N{MULTIPLICATION SIGN} adult" if adult else "peak, none left as adult",
                          ((top[0] + top[-1]) / 2, density.max()), (0, 5), textcoords="offset points", ha="center")
            axes.annotate("adult" if ratio > 1.1 else "", (age[0] + (age[-1] - age[0]) / 4, adult), (0, 2),
                          textcoords="offset points", color=figures.DARK)
    return ratio


def _turnover(axes, run, seeds, projection):
    for name, sign, colour, said in (("born", 1, figures.SHADES[1], "births"),
                                     ("died", -1, figures.GREY, "eliminations")):
        curves = [read.curve(run, "main", seed, name, projection) for seed in seeds]
        n = min(len(curve) for curve in curves)
        age = curves[0].age.values[:n]
        days = np.diff(age)
        per_day = np.mean([curve.values[1:n] for curve in curves], axis=0) / days
        axes.bar(age[1:] - days / 2, sign * per_day, width=0.85 * days, color=colour, label=said)
    axes.axhline(0, color=figures.DARK, lw=0.8)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.set_xlabel(figures.label(curves[0].age))
