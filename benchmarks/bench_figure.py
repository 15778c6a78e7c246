"""Time against the share of E to E synapses that is kept: pruned, gated, and as little as the share."""

from __future__ import annotations

from dpap_bio import figures

COLOURS = ("#0072B2", "#009E73", "#D55E00")


def main(found: dict, out) -> tuple[str, str]:
    """Draw what `dpap bench` measured; one colour a simulator, full lines pruned, dashed ones gated."""
    figure = figures.canvas(5.2, 3.8)
    axes = figure.subplots()
    shares = [float(s) for s in found["kept"]]
    names = [n for n in found["kept"][next(iter(found["kept"]))] if n.endswith(", pruned")]
    for colour, name in zip(COLOURS, names, strict=False):
        own = name.removesuffix(", pruned")
        for way, style in (("pruned", "o-"), ("gated", "s--")):
            rows = [found["kept"][s][f"{own}, {way}"] for s in found["kept"]]
            axes.plot(shares, [r["cpu"] for r in rows], style, color=colour, markersize=4, label=f"{own}, {way}")
        first = found["kept"][next(iter(found["kept"]))][name]["cpu"]
        axes.plot(shares, [first * s for s in shares], ":", color=colour, linewidth=1)
    axes.plot([], [], ":", color="black", linewidth=1, label="ideal: as the share")
    axes.set(xscale="log", yscale="log", xlabel="share of E to E synapses kept", ylabel="CPU s per simulated s",
             title=f"W({found['case']['neurons']}, {found['case']['inputs']}), rates kept by stronger synapses")
    axes.set_xticks(shares, [f"{s:g}" for s in shares])
    axes.minorticks_off()
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(out)
    return ("Processor time for one simulated second against the share of plastic synapses that is left.",
            "Pruned falls with the share, gated does not; the dotted line is proportional to the share.")
