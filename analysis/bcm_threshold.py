"""The change during trains against their frequency, after five histories, and where it changes sign."""

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import curve, zero_crossing

HISTORIES = {1: ("normal", "#000000", "-"), 2: ("dark", "#0072B2", "-"), 3: ("dark, then light", "#56B4E9", "--"),
             4: ("double drive", "#D55E00", "-"), 5: ("double drive, other input", "#E69F00", "--")}


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    figure = figures.canvas(7.2, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    said, arms = [], read.arms(run)
    for number, (title, colour, style) in HISTORIES.items():
        given = {"along": "rate", "since": "settling", "among": "history", "equals": number}
        rate, change, _ = curve(run, "main", seed, "synapse", **given)
        left.plot(rate, 1e3 * change, style, color=colour, marker="o", ms=3, label=title)
        at = [zero_crossing(run, arm, read.seeds(run, arm)[0], projection="synapse", **given) for arm in arms]
        for k, (arm, crossing) in enumerate(zip(arms, at, strict=True)):
            right.plot(number + (k - 1) / 5, crossing, "os^"[k % 3], color=figures.arm_colour(run, arm), ms=5,
                       label=arm if number == 1 else None)
        said.append(f"{title} {at[0]:.1f} Hz")
    left.axhline(0, color=figures.GREY, lw=0.6)
    left.set(xlabel=f"frequency of the train [{shown.rate.attrs['units']}]", ylabel="change of the weight, thousandths",
             ylim=(-60, 3e4))
    left.set_yscale("symlog", linthresh=1)
    left.legend(title="history", loc="upper left", alignment="left", fontsize=7.5)
    right.set_xticks(list(HISTORIES), [t.replace(", ", ",\n") for t, _, _ in HISTORIES.values()], rotation=40,
                     ha="right", fontsize=7.5)
    right.set(ylabel="nothing changes at [Hz]", ylim=(0, 42))
    right.legend(title="arm", loc="upper left", alignment="left", fontsize=7.5)
    figure.savefig(out)
    caption = ("Left: change of the weight during a test train against its frequency, after histories of four days. "
               "Right: the frequency at which nothing changes, in the main arm and in the controls (a threshold that "
               "never moves; one that belongs to the synapse).")
    return caption, f"Frequencies at which nothing changes, by history: {'; '.join(said)}."
