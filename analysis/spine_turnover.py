"""How many spines are still there, by model, with the imaging data; loss by size; sizes beside recorded PSD-95."""

import numpy as np

from dpap_bio import figures
from dpap_bio import results_read as read

IMAGED = {"adult": [(14, 0.95, 0.97), (30, 0.94, 0.98), (548, 0.67, 0.80)],  # as judged: lowest and highest share kept
          "young": [(14, 0.80, 0.87), (30, 0.68, 0.78)]}


def main(run, out):
    seeds = read.seeds(run, "main")
    first = read.table(run, "main", seeds[0], "outcome")
    figure = figures.canvas(7.2, 5.2)
    kept, lost = figure.subplots(2, 2)
    survival, size = kept[0], lost[0]
    survival.plot(first.days, _mean(run, "main", "adult_kept"), "o-", ms=3, color="black", label="adult, two states")
    survival.plot(first.days, _mean(run, "main", "reserve_kept"), "s-", ms=3, color="#D55E00", label="adult, reserve")
    young = first.days.values <= 30
    survival.plot(first.days[young], first.young_kept_exact[young], color=figures.SHADES[1], label="young, two states")
    for arm, of in (("one_rate", "adult_kept"), ("as_dpap", "reserve_kept")):
        if arm in read.arms(run):
            survival.plot(first.days, _mean(run, arm, of), "--", color=figures.arm_colour(run, arm), label=arm)
    for points in IMAGED.values():
        for day, low, high in points:
            survival.plot([day, day], [low, high], color=figures.GREY, lw=4, alpha=0.6, solid_capstyle="butt", zorder=0)
    survival.set(xscale="log", ylim=(0, 1.05), xlabel=figures.label(first.days), ylabel="share of spines still there")
    survival.legend(loc="lower left", fontsize=7.5)
    _by_age(kept[1], run)
    size.bar(first.tenth, _mean(run, "main", "loss_by_size"), color=figures.SHADES[1])
    if "size_blind" in read.arms(run):
        size.plot(first.tenth, _mean(run, "size_blind", "loss_by_size"), "x", label="size_blind",
                  color=figures.arm_colour(run, "size_blind"))
        size.legend()
    size.set(xlabel=figures.label(first.tenth), ylabel=figures.label(first.loss_by_size))
    shape = lost[1]
    normal = np.exp(-first.ln_size.values**2 / 2) / np.sqrt(2 * np.pi)
    shape.plot(first.ln_size, normal, color=figures.GREY, lw=1, label="normal")
    shape.plot(first.ln_size, _mean(run, "main", "size_model"), color="black", label="model")
    if np.isfinite(first.size_recorded).all():
        shape.step(first.ln_size, first.size_recorded, where="mid", color=figures.SHADES[1], label="PSD-95")
    shape.set(xlabel=figures.label(first.ln_size), ylabel="density")
    shape.legend(fontsize=7.5)
    figure.savefig(out)
    caption = ("Above: spines still there after days to 18 months, grey bars the imaging bands (Zuo et al. 2005, "
               "Grutzendler et al. 2002; the models are calibrated on 14 days alone), and turnover in 14 days by age. "
               "Below: loss in 14 days by size, and the distribution of ln(size), standardised, with PSD-95 of "
               f"pyramidal dendrites (Melander et al. 2021). Mean, {figures.seeds_said(seeds)}. Dashed: controls.")
    return caption, (f"After 18 months {1 - float(_mean(run, 'main', 'adult_eliminated_548')):.0%} of adult spines are "
                     f"left with two states, {1 - float(_mean(run, 'main', 'reserve_eliminated_548')):.0%} with DPAP's "
                     "reserve.")


def _by_age(axes, run):
    names = [f"{model}{age}_{what}_14" for age in ("young", "adult") for model in ("", "reserve_")
             for what in ("eliminated", "formed")]
    names = [n.replace("reserve_adult", "reserve") for n in names]
    bands = [(0.13, 0.20), (0.05, 0.08)] * 2 + [(0.03, 0.05)] * 4
    colours = ["#D55E00" if n.startswith("reserve") else "black" for n in names]
    for k, (name, (low, high), colour) in enumerate(zip(names, bands, colours, strict=True)):
        axes.bar(k, high - low, bottom=low, color=figures.LIGHT)
        axes.plot(k, float(_mean(run, "main", name)), "o", color=colour)
    axes.set_xticks(range(8), [w for age in ("young", "adult") for w in (f"{age}\nlost", "new") * 2], fontsize=7)
    axes.set(ylabel="share in 14 days", ylim=(0, None))


def _mean(run, arm, name):
    return sum(read.table(run, arm, seed, "outcome")[name] for seed in read.seeds(run, arm)) / len(read.seeds(run, arm))
