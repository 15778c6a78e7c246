"""The STDP window: the change after 60 pairings against the lag, beside its closed form, and what is left between."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import curve

PAIRS = 60
BANDS = {"potentiation": (0.5, 1.1, 12.0, 22.0, 1), "depression": (-0.4, -0.2, 25.0, 45.0, -1)}  # as judged


def main(run, out):
    seed = read.seeds(run, "main")[0]
    figure = figures.canvas(7.2, 4.8)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name, (low, high, short, long, side) in BANDS.items():
        lag = np.linspace(0, 80, 400)
        ends = [h * np.exp(-lag / tau) for h in (low, high) for tau in (short, long)]
        above.fill_between(side * lag, np.min(ends, 0), np.max(ends, 0), color=figures.LIGHT, lw=0, zorder=0,
                           label="biological bands" if name == "potentiation" else None)
    for arm in read.arms(run)[1:]:
        lag, change, _ = curve(run, arm, read.seeds(run, arm)[0], "synapse", "lag")
        above.plot(lag, change, color=figures.arm_colour(run, arm), lw=1, ls="--", label=f"arm {arm}")
    lag, change, _ = curve(run, "main", seed, "synapse", "lag")
    for side in (lag < 0, lag >= 0):
        fine = np.linspace(lag[side][0], lag[side][-1], 400)
        above.plot(fine, _closed(run, fine), color=figures.SHADES[1], lw=2,
                   label="closed form" if side[0] else None)
    above.plot(lag, change, "o", color="black", ms=4, label="simulated")
    above.axhline(0, color=figures.GREY, lw=0.6)
    above.set(ylabel="change of the weight", ylim=(-0.55, 1.25))
    above.legend(loc="upper left")
    error = change - _closed(run, lag)
    below.plot(lag, error, "o", color="black", ms=3)
    below.axhline(0, color=figures.GREY, lw=0.6)
    below.set(ylabel="simulated minus\nclosed form", ylim=np.array([-1, 1]) * max(1.3 * np.abs(error).max(), 1e-15),
              xlabel=f"lag of the postsynaptic spike [{of_run(run).lag.attrs['units']}]")
    figure.savefig(out)
    caption = ("Change of the weight after 60 pairs at 1 Hz against the lag (points), with the closed form of the pair "
               "rule (line) and the biological bands. Dashed: controls that must fail. Below: what is left.")
    return caption, (f"An STDP window: {change[lag > 0][0]:.2f} at the shortest positive lag, "
                     f"{change[lag < 0][-1]:.2f} at the shortest negative one; simulation and closed form differ by "
                     f"at most {np.abs(error).max():.1e}.")


def _closed(run, lag):
    p = {n: read.parameter(run, n)[0] for n in ("a_plus", "a_minus", "tau_plus", "tau_minus", "w_max")}
    after, before = (np.exp(-np.abs(lag) / p[tau]) for tau in ("tau_plus", "tau_minus"))
    return np.where(lag >= 0, p["a_plus"] * after, -p["a_minus"] * before) * p["w_max"] * PAIRS
