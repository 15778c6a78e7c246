"""Every shipped figure draws from small runs without a warning, and says what is missing."""

import warnings

import made_run
import numpy as np
import pytest

from dpap_bio import figures, library

NAMES = ("density", "survival", "weights", "connectivity", "raster", "readout")


def small(folder, arms=("main", "control"), seeds=(1, 2), probes=True, **life):
    def development(seed):
        shown = {e: {n: made_run.probe(*made_run.tuned(seed + e)) for n in ("train", "test")} for e in (3, 9)}
        return made_run.records(births={-1: 20, 0: 8}, deaths={4: [0, 5], 6: [21]}, probes=shown if probes else None,
                                weight=lambda ids, e: 0.1 + (ids * 7 % 11) / 11, **life)

    return made_run.run(folder, {(arm, seed): development(seed) for arm in arms for seed in seeds})


def drawn(name, run, out):
    """Caption and alternative text of a figure that was drawn while warnings were errors, and the share of ink."""
    import matplotlib.image

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        caption, alt = figures.draw(name, run, out)
    return caption, alt, float((matplotlib.image.imread(out)[..., :3].min(-1) < 0.9).mean())


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_with_seeds_in_its_caption_and_says_in_words_what_it_shows(tmp_path, name):
    assert name in library.names("analysis")
    caption, alt, ink = drawn(name, small(tmp_path), tmp_path / "figure.png")
    assert ink > 0.005
    assert "n = 2 seeds (1, 2)" in caption or "n = 1 network" in caption
    assert len(alt) > 40
    assert alt != caption


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_where_arms_probes_spikes_or_changes_are_missing(tmp_path, name):
    probed = small(tmp_path, arms=("main",), seeds=(3,), probes=False, spikes=False)
    still = made_run.one(tmp_path, weight=lambda ids, e: np.zeros(len(ids)))
    emptied = made_run.one(tmp_path, deaths={5: range(20)})
    for run in (probed, still, emptied):
        assert drawn(name, run, tmp_path / "figure.png")[2] > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_draws_where_a_seed_stopped_early(tmp_path, name):
    lived = {("main", 1): made_run.records(deaths={4: [0, 5]}), ("main", 2): made_run.records(deaths={4: [0, 5]})[:9]}
    assert drawn(name, made_run.run(tmp_path, lived), tmp_path / "figure.png")[2] > 0


def test_the_readout_figure_says_that_there_are_no_probes(tmp_path):
    caption, _, _ = drawn("readout", small(tmp_path, probes=False), tmp_path / "figure.png")
    assert caption == "No probes called train and test were shown in this run."


def test_the_density_figure_tells_the_ratio_that_the_criterion_measures(tmp_path):
    from dpap_bio.measures import MEASURES

    run = small(tmp_path)
    args = {"projection": "forward", "last": 0.2}
    ratio = np.mean(list(MEASURES["peak_over_adult"](run, "main", [1, 2], args).values()))
    assert f"{ratio:.2f} times the adult level" in drawn("density", run, tmp_path / "figure.png")[1]


@pytest.mark.parametrize("ending", ["svg", "pdf"])
def test_figures_are_also_vectors(tmp_path, ending):
    figures.draw("density", small(tmp_path), tmp_path / f"figure.{ending}")
    start = (tmp_path / f"figure.{ending}").read_bytes()[:200]
    assert start.startswith(b"%PDF") or b"<?xml" in start


def test_the_same_run_draws_the_same_picture(tmp_path):
    run = small(tmp_path)
    for name in ("a.png", "b.png"):
        figures.draw("survival", run, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_arm_has_one_colour_at_every_size(tmp_path):
    whole, part = small(tmp_path), small(tmp_path, arms=("main",))
    assert figures.arm_colour(whole, "control") == figures.arm_colour(part, "control")
    assert len({figures.arm_colour(whole, arm) for arm in ("main", "control")}) == 2
    assert len({figures.population_colour(whole, p) for p in figures.populations(whole)}) == 2


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 17.0, "axes.spines.top": True}):
        before = dict(mpl.rcParams)
        figures.draw("density", small(tmp_path), tmp_path / "figure.png")
        assert dict(mpl.rcParams) == before


def test_a_figure_of_ones_own_is_drawn_from_its_path_and_an_unknown_one_is_refused(tmp_path):
    run = small(tmp_path)
    own = tmp_path / "own.py"
    own.write_text("def main(run, out):\n    out.write_text(run.attrs['title'])\n    return 'caption', 'alt'\n")
    assert figures.draw(str(own), run, tmp_path / "own.txt") == ("caption", "alt")
    assert (tmp_path / "own.txt").read_text() == run.attrs["title"]
    own.write_text("x = 1\n")
    with pytest.raises(ValueError, match="needs a function main"):
        figures.draw(str(own), run, tmp_path / "own.txt")
    with pytest.raises(FileNotFoundError, match="did you mean 'density'"):
        figures.draw("densty", run, tmp_path / "own.png")


def test_figure_scripts_stay_under_eighty_lines():
    lengths = {n: len(library.find("analysis", n).read_text().splitlines()) for n in library.names("analysis")}
    assert {n: k for n, k in lengths.items() if k >= 80} == {}
