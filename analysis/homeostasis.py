"""Rates of cells whose threshold moves against the rate of their input, beside what theory says and the controls."""

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_competition import cell_rate

CELLS = {"adaptive": "relaxing threshold", "intrinsic": "falling threshold", "starved": "starved, falling threshold"}


def main(run, out):
    shown = of_run(run)
    drive, names = shown.rate.values, [str(n) for n in shown.condition.values]
    figure = figures.canvas(7.2, 3.0)
    rates = {}
    for axes, (population, title) in zip(figure.subplots(1, 3, sharey=True), CELLS.items(), strict=True):
        for arm in read.arms(run):
            seed = read.seeds(run, arm)[0]
            rates[population, arm] = [cell_rate(run, arm, seed, population=population, condition=name, during="steady",
                                                last=1.0) for name in names]
            axes.plot(drive, rates[population, arm], "o-" if arm == "main" else "s--", ms=5 if arm == "main" else 3,
                      color=figures.arm_colour(run, arm), label=arm)
        axes.set(title=title, xlabel=f"input [{shown.rate.attrs['units']}]", xlim=(0, None))
    figure.axes[0].set(ylabel="rate of the cell [Hz]", ylim=(-1, 45))
    figure.axes[0].legend(loc="upper left")
    figure.savefig(out)
    caption = ("Rate of cells that a regular input drives one spike for one, by the rate of the input: the threshold "
               "relaxes, falls steadily above a floor, or does so in a cell whose input is too weak. Dashed: controls.")
    held = {n: f"{min(rates[n, 'main']):.2f} to {max(rates[n, 'main']):.2f} Hz" for n in CELLS}
    return caption, "Rates held: " + "; ".join(f"{title} {held[n]}" for n, title in CELLS.items()) + "."
