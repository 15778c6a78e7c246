"""Responses of both eyes through deprivation, and how the noise of the closed eye sets the speed of the loss."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read


def main(run, out):
    seeds = read.seeds(run, "main")
    first = read.table(run, "main", seeds[0], "outcome")
    figure = figures.canvas(7.2, 5.0)
    panels = figure.subplots(2, 2)
    step = first.step.values / 1e3
    shades = [figures.SHADES[0], *figures.SHADES[1:]] if first.noise.size <= 3 else ["#c6dbef", *figures.SHADES]
    for noise, shade in zip(first.noise.values, shades, strict=False):
        panels[0, 0].plot(step, _mean(run, "main", "monocular_left").sel(noise=noise), color=shade, label=f"{noise:g}")
        panels[0, 0].plot(step, _mean(run, "main", "monocular_right").sel(noise=noise), "--", color=shade)
        panels[0, 1].plot(step, _mean(run, "main", "binocular_both").sel(noise=noise), color=shade)
    panels[0, 0].set(title="one eye closed (dashed: the open one)", ylabel="response over that before")
    panels[0, 0].legend(title="noise of a closed eye", ncols=2)
    panels[0, 1].set(title="both eyes closed", ylim=(0, 1.1))
    panels[1, 0].plot(step, _mean(run, "main", "reverse_left"), color="black", label="opened again")
    panels[1, 0].plot(step, _mean(run, "main", "reverse_right"), "--", color="black", label="closed then")
    panels[1, 0].set(title="reverse suture", ylabel="response over that before")
    panels[1, 0].legend()
    for axes in (panels[0, 0], panels[0, 1], panels[1, 0]):
        axes.set(xlabel="steps of learning [thousand]")
    speed = panels[1, 1]
    for arm in read.arms(run):
        colour = figures.arm_colour(run, arm)
        title = "BCM" if arm == "main" else arm
        speed.plot(first.noise, _mean(run, arm, "half_time") / 1e3, "o-", color=colour, label=f"{title}, one eye")
        speed.plot(first.noise, _mean(run, arm, "half_time_binocular") / 1e3, "s:", color=colour,
                   label=f"{title}, both eyes")
    speed.axhline(step[-1], color=figures.GREY, lw=0.7)
    speed.set(title="steps to half the response [thousand]", xlabel=figures.label(first.noise), yscale="log")
    speed.legend(fontsize=7)
    figure.savefig(out)
    half = ", ".join(f"{t:.1f}" for t in np.atleast_1d(_mean(run, "main", "half_time").values / 1e3))
    caption = ("Strongest response of an eye over that after normal rearing: one eye closed, both, and the eyes "
               "swapped. Last: half-times against the noise of the closed eye; at the grey line half was not "
               f"reached. {figures.seeds_said(seeds)}.")
    return caption, f"The closed eye loses half its response after {half} thousand steps as its noise grows."


def _mean(run, arm, name):
    return sum(read.table(run, arm, seed, "outcome")[name] for seed in read.seeds(run, arm)) / len(read.seeds(run, arm))
