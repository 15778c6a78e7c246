"""What all figures share: colours, labels from the run's attributes, stages, a sentence where something is missing.

A figure is a file in analysis/ with `main(run, out) -> (caption, alternative text)`. `draw` finds it and calls it.
"""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from dpap_bio import library, results
from dpap_bio import results_read as read
from dpap_bio.atomic import atomic_path

GREY, LIGHT, DARK = "#9a9a9a", "#e3e3e3", "#333333"
SHADES = ("#9ecae1", "#3b8bc2", "#08306b")  # one hue, light to dark: low, middle, high; before and after
_ARMS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#8C6D31")  # after Okabe & Ito
_POPULATIONS = {"input": "#7f7f7f", "excitatory": "#D55E00", "inhibitory": "#0072B2"}
_OTHERS = ("#009E73", "#CC79A7", "#0072B2", "#8C6D31")
_STYLE = {
    "font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False,
    "figure.dpi": 150, "savefig.dpi": 150, "svg.hashsalt": "dpap", "axes.linewidth": 0.8, "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True, "axes.titlelocation": "left",
}


def draw(name: str, run: xr.DataTree, out: Path) -> tuple[str, str]:
    """Draw a figure by its name or path into the file `out`, whose ending says the format (.png, .svg, .pdf).

    Returns
        (str, str)          caption, alternative text
    Raises
        FileNotFoundError   there is no such figure
        ValueError          the file has no main(run, out), or matplotlib does not know the ending
    """
    import matplotlib as mpl

    path = library.find("analysis", name)
    spec = importlib.util.spec_from_file_location(f"dpap_analysis_{path.stem}", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    if not callable(getattr(script, "main", None)):
        raise ValueError(f"{path}: a figure needs a function main(run, out)")
    with mpl.rc_context({**mpl.rcParamsDefault, **_STYLE, "backend": mpl.rcParams["backend"]}), atomic_path(out) as new:
        return script.main(run, new)


def canvas(width: float = 7.2, height: float = 4.5):
    """An empty figure, in inches, that belongs to no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def arm_colour(run: xr.DataTree, arm: str) -> str:
    """The colour of an arm: by its place in the protocol file, whatever the size that was run."""
    arms = ["main", *(a.name for a in results.protocol_file(run).arms)]
    return _ARMS[arms.index(arm) % len(_ARMS)] if arm in arms else GREY


def population_colour(run: xr.DataTree, population: str) -> str:
    """The colour of a population: fixed for the usual names, by its place in the model for others."""
    if population in _POPULATIONS:
        return _POPULATIONS[population]
    names = [n for n in populations(run) if n not in _POPULATIONS]
    return _OTHERS[names.index(population) % len(_OTHERS)]


def populations(run: xr.DataTree) -> list[str]:
    """The populations of the main arm, in the model's order."""
    arm = read.arms(run)[0]
    return [str(p) for p in read.table(run, arm, read.seeds(run, arm)[0], "summary").population.values]


def developing(run: xr.DataTree, most: int = 2) -> list[str]:
    """The projections a figure is about: those that slow rules act on, at most `most` of them; else the first."""
    names = [str(p) for p in read.table(run, "main", read.seeds(run, "main")[0], "summary").projection.values]
    models = [tomllib.loads(str(text)) for text in run["files"].text.values]
    ruled = {name for m in models for name, p in m.get("projections", {}).items() if p.get("rules")}
    return [name for name in names if name in ruled][:most] or names[:1]


def label(variable: xr.DataArray) -> str:
    """An axis label: the variable's meaning and unit."""
    unit = variable.attrs["units"]
    return "\n".join(_lines(variable.attrs["long_name"], 30)) + (f" [{unit}]" if unit not in ("1", "name") else "")


def seeds_said(seeds: Sequence[int]) -> str:
    """The seeds as a caption names them."""
    return f"n = {len(seeds)} seed{'s' if len(seeds) != 1 else ''} ({', '.join(map(str, seeds))})"


def stages(axes, run: xr.DataTree, arm: str, seed: int, names: bool = True) -> None:
    """Shade every second stage of development along an age axis, and name all of them at the top."""
    summary = read.table(run, arm, seed, "summary")
    age, stage = summary.age.values, summary.stage.values
    starts = [k for k in range(1, len(stage)) if stage[k] != stage[k - 1]]
    for n, k in enumerate(starts):
        left, right = age[k - 1], age[starts[n + 1] - 1] if n + 1 < len(starts) else age[-1]
        if n % 2 == 0:
            axes.axvspan(left, right, color="#f3f3f3", zorder=0, lw=0)
        if names:
            axes.annotate(str(stage[k]), ((left + right) / 2, 1.01), xycoords=("data", "axes fraction"), ha="center",
                          va="bottom", color=DARK)


def missing(axes, sentence: str) -> None:
    """Say in an empty panel why it is empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, "\n".join(_lines(sentence)), ha="center", va="center", color=DARK, transform=axes.transAxes)


def _lines(text: str, width: int = 40) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)
