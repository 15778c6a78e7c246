"""The change after 900 pulses against their frequency, beside the recordings and their bands."""

from dpap_bio import figures
from dpap_bio import results_read as read
from dpap_bio.conditions import of_run
from dpap_bio.measures_plasticity import curve, zero_crossing

RULES = {"synapse": ("the rule", figures.SHADES[2], 2.2), "lower": ("threshold 5 % lower", figures.SHADES[1], 1.4),
         "lowest": ("threshold 10 % lower", figures.SHADES[0], 1.4),
         "higher": ("threshold 10 % higher", "#E69F00", 1.4)}


def main(run, out):
    shown, seed = of_run(run), read.seeds(run, "main")[0]
    figure = figures.canvas(7.2, 3.8)
    axes = figure.subplots()
    low, high = shown.low.values, shown.high.values
    for rate, bottom, top in zip(shown.rate.values, low, high, strict=True):
        axes.plot([rate, rate], [bottom, top], color=figures.LIGHT, lw=9, solid_capstyle="butt", zorder=0)
    said = []
    for name, (title, colour, width) in RULES.items():
        rate, change, _ = curve(run, "main", seed, name, "rate")
        crossing = zero_crossing(run, "main", seed, projection=name, along="rate")
        axes.plot(rate, change, "o-", color=colour, lw=width, ms=3.5, label=f"{title}: {crossing:.1f} Hz")
        said.append(f"{title} {crossing:.1f} Hz")
    for arm in read.arms(run)[1:]:
        rate, change, _ = curve(run, arm, read.seeds(run, arm)[0], "synapse", "rate")
        axes.plot(rate, change, "--", color=figures.GREY, lw=1, zorder=1)
        axes.annotate(arm, (rate[-1], change[-1]), (4, 0), textcoords="offset points", va="center", color=figures.DARK,
                      fontsize=7.5)
    axes.plot(shown.rate.values, shown.data.values, "D", color="black", ms=5, label="recorded (from memory)")
    axes.axhline(0, color=figures.GREY, lw=0.6)
    axes.set_xscale("log")
    axes.set_xticks(shown.rate.values, [f"{x:g}" for x in shown.rate.values], minor=False)
    axes.minorticks_off()
    axes.set(xlabel=f"frequency of the pulses [{shown.rate.attrs['units']}]", ylabel="change of the weight",
             ylim=(-0.75, 0.65))
    axes.legend(title="nothing changes at", loc="upper left", alignment="left", fontsize=7.5)
    figure.savefig(out)
    caption = ("Change of the weight after 900 presynaptic pulses against their frequency. Diamonds and bars: "
               "recordings of Dudek and Bear 1992 (from memory) and the bands around them; the other lines "
               "have another threshold of potentiation. Dashed: controls that must fail.")
    return caption, f"Curves of change against frequency; nothing changes at: {'; '.join(said)}."
