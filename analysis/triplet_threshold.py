"""The change a second under Poisson spikes against the postsynaptic rate, for three histories and in closed form."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import curve, zero_crossing

SAID = {0.5: "halved", 1.0: "normal", 2.0: "doubled"}


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    seconds = float(run["stages"].seconds.values[-1])
    figure = figures.canvas(7.2, 3.6)
    wide, close = figure.subplots(1, 2)
    said = []
    for colour, (activity, name) in zip(figures.SHADES, SAID.items(), strict=True):
        given = {"along": "rate", "since": "settling", "among": "activity", "equals": activity}
        rate, change, error = curve(run, "main", seed, "synapse", **given)
        crossing = zero_crossing(run, "main", seed, projection="synapse", **given)
        fine = np.linspace(0, 50, 200)
        for axes in (wide, close):
            axes.errorbar(rate, change / seconds, error / seconds, fmt="o", color=colour, ms=3.5, capsize=2,
                          label=f"{name}: {crossing:.1f} Hz")
            axes.plot(fine, _closed(run, fine, activity), color=colour, lw=1.2)
        said.append(f"{name} {crossing:.1f} Hz")
    for axes in (wide, close):
        axes.axhline(0, color=figures.GREY, lw=0.6)
        axes.set_xlabel(f"postsynaptic {shown.rate.attrs['long_name'].split(',')[0]} [{shown.rate.attrs['units']}]")
    close.set(xlim=(0, 42), ylim=(-0.05, 0.05), title="closer")
    wide.set(ylabel="change of the weight a second", title="whole range")
    wide.legend(title="mean square of the rate before:\nborder", loc="upper left", alignment="left", fontsize=7.5)
    figure.savefig(out)
    caption = ("Change of the weight a second under independent Poisson spikes (10 Hz before the synapse) against the "
               f"postsynaptic rate: mean and standard error of {int(shown.copies.values[0])} copies. Lines: closed "
               "form. The border slides with the mean square of the rate at which the neuron has lived.")
    return caption, f"Curves of change against rate; the border lies at: {'; '.join(said)}."


def _closed(run, rate, activity):
    names = ("tau_plus", "tau_minus", "tau_y", "a3_plus", "a2_minus")
    tau_plus, tau_minus, tau_y, a3, a2 = (read.parameter(run, n)[0] * (1e-3 if n.startswith("tau") else 1)
                                          for n in names)
    return 10 * rate * (a3 * tau_plus * tau_y * rate - activity * a2 * tau_minus)
