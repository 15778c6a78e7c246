"""What a BCM cell answers after learning K patterns, beside theory, and its tuning among overlapping orientations."""

from dpap_bio import figures
from dpap_bio import results_read as read


def main(run, out):
    seeds = read.seeds(run, "main")
    first = read.table(run, "main", seeds[0], "outcome")
    figure = figures.canvas(7.2, 3.2)
    answers, peaks, tuning = figure.subplots(1, 3)
    for k, shade in zip(first.n_patterns.values, figures.SHADES, strict=False):
        sorted_ = _mean(run, "main", "sorted").sel(n_patterns=k)
        answers.plot(first["rank"], sorted_, "o-", color=shade, ms=4, label=f"K = {k:.0f}")
        answers.axhline(k, color=shade, lw=0.7, ls=":")
    answers.set(xlabel="patterns, the preferred first", ylabel=figures.label(first.sorted))
    answers.legend()
    k = first.n_patterns.values
    peaks.plot(k, k, color=figures.GREY, lw=1, label="theory, c = K")
    for arm in read.arms(run):
        peaks.plot(k, _mean(run, arm, "peak"), "o" if arm == "main" else "x", color=figures.arm_colour(run, arm),
                   label=arm if arm != "main" else "simulated")
    peaks.set(xlabel=figures.label(first.n_patterns), ylabel=figures.label(first.peak), yscale="symlog", ylim=(0, 2e3))
    peaks.legend()
    tuning.plot(first.orientation, _mean(run, "main", "tuning"), color="black")
    tuning.set(xlabel="orientation [degree]", ylabel=figures.label(first.tuning), xticks=[0, 45, 90, 135])
    figure.savefig(out)
    caption = ("Left: answers of a cell that learned K orthonormal patterns, sorted; dotted: the exact selective state "
               "c = K. Middle: the answer to the winner against K; crosses: controls that must fail (fixed threshold; "
               "DPAP's plain mean, which runs away). Right: mean tuning among 12 overlapping orientations, each cell "
               f"centred. {figures.seeds_said(seeds)}.")
    said = ", ".join(f"{p:.2f} for K = {n:.0f}" for n, p in zip(k, _mean(run, "main", "peak").values, strict=True))
    return caption, f"One pattern wins, answered with {said}; all others are answered with about 0."


def _mean(run, arm, name):
    return sum(read.table(run, arm, seed, "outcome")[name] for seed in read.seeds(run, arm)) / len(read.seeds(run, arm))
