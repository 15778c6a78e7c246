import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpap_bio.datasets_images import digits
from dpap_bio.spikes import Spikes, draw, merge
from dpap_bio.stimuli import STIMULI, Stimulus

DT = 1e-3
PARAMS = {
    "silence": {},
    "poisson": {"rate": 20.0},
    "correlated": {"rate": 20.0, "correlation": 0.2, "groups": 3, "share": 0.8, "jitter": 2e-3},
    "waves": {"rate": 50.0, "interval": 0.2, "speed": 1e-3, "width": 3e-5, "spacing": 5e-5, "background": 1.0},
    "bars": {"rate": 60.0, "window": 0.02, "gap": 0.01, "background": 1.0},
    "gratings": {"rate": 60.0, "window": 0.02, "drift": 3.0},
    "bumps": {"rate": 60.0, "window": 0.02},
    "digits": {"rate": 60.0, "window": 0.02, "gap": 0.005},
}


def make(kind, n=64, steps=3000, seed=0, **params):
    return STIMULI[kind](n, steps, DT, np.random.default_rng(seed), **{**PARAMS[kind], **params})


def raster(s):
    dense = np.zeros((s.n_steps, s.n_neurons))
    dense[s.step, s.neuron] = 1
    return dense


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(PARAMS)), st.integers(1, 12), st.integers(20, 400), st.integers(0, 2**32))
def test_spikes_of_every_kind_are_sorted_unique_and_inside_the_epoch(kind, side, steps, seed):
    s = make(kind, side * side, steps, seed)    # Spikes itself refuses anything else
    assert (s.n_neurons, s.n_steps, s.dt) == (side * side, steps, DT)
    assert s.onset.size >= 1
    assert s.step.dtype == s.neuron.dtype == s.onset.dtype == s.label.dtype == np.int64


@pytest.mark.parametrize("kind", PARAMS)
def test_the_same_generator_state_gives_the_same_spikes_and_another_gives_others(kind):
    one, two, other = make(kind, seed=5), make(kind, seed=5), make(kind, seed=6)
    for name in ("step", "neuron", "onset", "offset", "label"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert kind == "silence" or not np.array_equal(one.step, other.step)


@pytest.mark.parametrize("change", [
    {"step": [1, 0]}, {"step": [0, 0], "neuron": [1, 1]}, {"step": [0, 9]}, {"neuron": [0, 3]}, {"neuron": [-1, 0]},
    {"neuron": [0]}, {"label": []}, {"onset": [0, 1], "offset": [2, 3], "label": [0, 0]}, {"offset": [10]},
    {"offset": [0]}])
def test_spikes_that_break_their_own_rules_are_refused(change):
    right = {"step": [0, 1], "neuron": [0, 0], "n_neurons": 3, "n_steps": 9, "dt": DT, "onset": [0], "offset": [9],
             "label": [0]}
    Spikes(**right)
    with pytest.raises(ValueError, match="spikes: "):
        Spikes(**{**right, **change})


def test_a_drawn_raster_has_independent_cells_of_the_given_chance():
    counts = np.array([draw(3, 4, 0.3, np.random.default_rng(seed))[0].size for seed in range(4000)])
    assert abs(counts.mean() - 3.6) < 4 * (12 * 0.3 * 0.7 / 4000)**0.5
    assert abs(counts.var() / (12 * 0.3 * 0.7) - 1) < 4 * (2 / 4000)**0.5


def test_every_cell_of_a_drawn_raster_is_reached_first_and_last_included():
    hits = sum(raster(Spikes(*draw(3, 4, 0.5, np.random.default_rng(seed)), 3, 4, DT, [], [], []))
               for seed in range(2000))
    assert np.all(np.abs(hits - 1000) < 4.5 * (2000 / 4)**0.5)


@given(st.floats(1e-300, 1e-12), st.integers(0, 2**32))
def test_a_vanishing_chance_draws_next_to_nothing_and_does_not_overflow(p, seed):
    step, _ = draw(1000, 1000, p, np.random.default_rng(seed))
    assert step.size <= 1


def test_drawing_in_blocks_keeps_the_rate():
    step, neuron = draw(1000, 30000, 0.1, np.random.default_rng(0))    # three blocks and more
    assert abs(step.size - 3e6) < 4 * (3e7 * 0.09)**0.5
    assert np.all(np.diff(step * 1000 + neuron) > 0)


@pytest.mark.parametrize("block", [1, 2, 7])
def test_no_cell_is_lost_or_doubled_between_blocks(monkeypatch, block):
    monkeypatch.setattr("dpap_bio.spikes.BLOCK", block)
    step, neuron = draw(10, 1000, 0.5, np.random.default_rng(0))
    assert np.all(np.diff(step * 10 + neuron) > 0)
    assert abs(step.size - 5000) < 4.5 * 2500**0.5


def test_merging_keeps_one_spike_a_neuron_and_step():
    step, neuron = merge([2, 0, 2, 2], [1, 1, 1, 0], 2)
    assert step.tolist() == [0, 2, 2] and neuron.tolist() == [1, 0, 1]


@pytest.mark.parametrize("rate", [1.0, 20.0, 200.0, 500.0])
def test_poisson_neurons_fire_at_their_rate_and_no_neuron_stands_out(rate):
    counts = np.stack([np.bincount(make("poisson", seed=seed, rate=rate).neuron, minlength=64) for seed in range(30)])
    p, cells = rate * DT, 3000
    z = (counts.sum(0) - 30 * cells * p) / (30 * cells * p * (1 - p))**0.5
    assert abs(counts.sum() - 64 * 30 * cells * p) < 4 * (64 * 30 * cells * p * (1 - p))**0.5
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("c", [0.0, 0.05, 0.3, 1.0])
def test_a_pair_with_a_common_source_correlates_by_c_and_pairs_across_groups_not_at_all(c):
    s = make("correlated", n=40, steps=200_000, rate=40.0, correlation=c, groups=2, share=0.5, jitter=0.0)
    r = np.corrcoef(raster(s).T)
    pairs = np.triu(np.ones((10, 10), bool), 1)
    within = np.concatenate([r[:10, :10][pairs], r[10:20, 10:20][pairs]])
    # a source of 8000 events: the mean over pairs varies by less than 2 % of c
    assert within.mean() == pytest.approx(c, abs=0.02 * c + 0.002)
    assert abs(r[:10, 10:20].mean()) < 0.005
    assert abs(r[:20, 20:].mean()) < 0.005


def test_the_correlation_is_exact_even_where_every_third_step_has_a_spike():
    s = make("correlated", n=10, steps=200_000, rate=300.0, correlation=0.5, groups=1, share=1.0, jitter=0.0)
    r = np.corrcoef(raster(s).T)[np.triu_indices(10, 1)]
    assert r.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("c", [0.0, 0.3, 1.0])
def test_a_common_source_leaves_the_rate_as_it_is(c):
    draws = [make("correlated", n=20, rate=100.0, correlation=c, groups=20, share=0.5, seed=s, jitter=0.0)
             for s in range(20)]
    mean = np.mean([np.bincount(s.neuron, minlength=20) for s in draws], axis=0)
    assert np.abs(mean - 300).max() < 4.5 * (3000 * 0.09 / 20)**0.5


def test_jitter_moves_the_correlation_of_a_step_to_its_neighbours():
    r = {}
    for jitter in (0.0, 3e-3):
        dense = raster(make("correlated", n=2, steps=200_000, rate=40.0, correlation=0.5, groups=1, share=1.0,
                            jitter=jitter))
        summed = dense.reshape(-1, 40, 2).sum(1)
        r[jitter] = np.corrcoef(dense.T)[0, 1], np.corrcoef(summed.T)[0, 1]
    assert r[0.0][0] > 0.45 and r[3e-3][0] < 0.15
    assert r[3e-3][1] > 0.35



@pytest.mark.parametrize("speed", [5e-4, 1e-3, 3e-3])
def test_a_plane_wave_on_a_line_travels_at_its_speed_in_either_direction(speed):
    ways = set()
    for seed in range(40):
        rng = np.random.default_rng(seed)
        s = STIMULI["waves"](12, 8000, DT, rng, rate=400.0, interval=16.0, speed=speed, width=4e-5, spacing=1e-4,
                             shape="line")
        if np.bincount(s.neuron, minlength=12).min() < 5:
            continue    # the wave started too late to cross in this epoch
        time = [s.step[s.neuron == i].mean() * DT for i in range(12)]
        slope = np.polyfit(np.arange(12) * 1e-4, time, 1)[0]
        assert 1 / abs(slope) == pytest.approx(speed, rel=0.15)
        ways.add(np.sign(slope))
    assert ways == {-1.0, 1.0}


def test_a_ring_wave_spreads_at_its_speed_from_one_place():
    for seed in range(40):
        s = STIMULI["waves"](400, 6000, DT, np.random.default_rng(seed), rate=400.0, interval=12.0, speed=1e-3,
                             width=4e-5, spacing=5e-5, front="ring")
        if np.bincount(s.neuron, minlength=400).min() >= 5:
            break
    time = np.array([s.step[s.neuron == i].mean() * DT for i in range(400)])
    at = np.stack(np.divmod(np.arange(400), 20), 1) * 5e-5
    distance = np.hypot(*(at - at[time.argmin()]).T)
    far = distance > 3e-4
    slope, start = np.polyfit(distance[far], time[far], 1)
    assert 1 / slope == pytest.approx(1e-3, rel=0.15)
    assert np.abs(time - start - slope * distance)[far].max() < 0.1


def test_waves_start_as_often_as_their_interval_says():
    gaps = []
    for seed in range(10):
        s = STIMULI["waves"](1, 100_000, DT, np.random.default_rng(seed), rate=500.0, interval=2.0, speed=1e-3,
                             width=1e-5, spacing=1e-4, shape="line")
        starts = s.step[np.flatnonzero(np.diff(s.step, prepend=-10_000) > 500)] * DT
        gaps.extend(np.diff(starts))
    assert np.mean(gaps) == pytest.approx(2.0, abs=4 * 1.0 / len(gaps)**0.5)
    assert min(gaps) > 0.9


def test_neighbours_fire_together_in_waves_and_far_neurons_less():
    s = STIMULI["waves"](20, 200_000, DT, np.random.default_rng(0), rate=50.0, interval=1.0, speed=2e-3, width=1e-4,
                         spacing=1e-4, shape="line")
    r = np.corrcoef(raster(s).reshape(-1, 50, 20).sum(1).T)
    by_distance = [np.diagonal(r, d).mean() for d in range(1, 12)]
    assert by_distance[0] > 0.4 and by_distance[3] < by_distance[1] and abs(by_distance[-1]) < 0.1


def test_a_still_bar_drives_the_neurons_along_it_and_not_those_beside():
    s = make("bars", n=81, steps=200_000, window=0.1, gap=0.0, orientations=4, width=0.7, sweep=0.0, background=0.0,
             rate=200.0)
    count = np.stack([np.bincount(s.neuron[(s.step >= a) & (s.step < b)], minlength=81).reshape(9, 9)
                      for a, b in zip(s.onset, s.offset, strict=True)])
    count = count[count.sum((1, 2)) > 30], s.label[count.sum((1, 2)) > 30]
    columns, rows = count[0].sum(1).var(1), count[0].sum(2).var(1)
    upright, lying = count[1] == 0, count[1] == 2
    assert np.all(columns[upright] > 3 * rows[upright])    # orientation 0 moves along x: a column lights up
    assert np.all(rows[lying] > 3 * columns[lying])


def test_a_moving_bar_crosses_the_sheet_once_a_window_in_either_direction():
    s = make("bars", n=100, steps=100_000, window=0.5, gap=0.0, orientations=1, width=0.7, sweep=1.0, background=0.0,
             rate=300.0)
    slopes = []
    for a, b in zip(s.onset, s.offset, strict=True):
        inside = (s.step >= a) & (s.step < b)
        slopes.append(np.polyfit(s.step[inside] - a, s.neuron[inside] % 10, 1)[0])
    speed = 9 * 2**0.5 / 500    # neurons a step: the diagonal in one window
    assert np.abs(slopes) == pytest.approx(speed, rel=0.1)
    assert min(slopes) < 0 < max(slopes)


def test_every_orientation_of_bars_and_gratings_is_shown_about_equally():
    for kind in ("bars", "gratings"):
        s = make(kind, steps=100_000, window=0.02, gap=0.0)
        shown = np.bincount(s.label, minlength=4)
        assert np.abs(shown - 1250).max() < 4.5 * (5000 * 3 / 16)**0.5


def test_a_grating_has_its_period_and_orientation_in_the_spike_count():
    s = make("gratings", n=256, steps=1000, window=1.0, orientations=1, period=4.0, drift=0.0, rate=400.0)
    count = np.bincount(s.neuron, minlength=256).reshape(16, 16)
    power = np.abs(np.fft.fft2(count - count.mean()))**2
    assert np.unravel_index(power.argmax(), power.shape) in {(0, 4), (0, 12)}    # 16 neurons hold 4 periods along x
    assert (power[0, 4] + power[0, 12]) / power.sum() > 0.7


def test_a_drifting_grating_gives_each_neuron_its_full_swing_and_equal_mean_rates():
    s = make("gratings", n=64, steps=20_000, window=20.0, orientations=1, drift=5.0, rate=100.0)
    count = np.bincount(s.neuron, minlength=64)
    assert np.abs(count - 1000).max() < 4.5 * 1000**0.5
    phase = np.exp(2j * np.pi * 5 * s.step[s.neuron == 0] * DT).mean()
    assert abs(phase) == pytest.approx(0.5, abs=0.08)    # of a rate 1 + cos


def test_a_bump_peaks_at_its_centre_and_wraps_around_the_ring():
    s = make("bumps", n=40, steps=200_000, window=0.1, classes=4, width=3.0, rate=100.0)
    count = np.stack([np.bincount(s.neuron[(s.step >= a) & (s.step < b)], minlength=40)
                      for a, b in zip(s.onset, s.offset, strict=True)])
    for k in range(4):
        mean = count[s.label == k].mean(0)
        d = np.minimum(abs(np.arange(40) - 10 * k), 40 - abs(np.arange(40) - 10 * k))
        wanted = 10 * np.exp(-(d / 3)**2 / 2)
        assert np.abs(mean - wanted).max() < 5 * (10 / (s.label == k).sum())**0.5


def test_digits_fire_in_proportion_to_the_ink_of_the_image_of_their_label():
    s = make("digits", steps=50_000, window=5.0, gap=0.0, rate=100.0, order="sequential", first=7)
    images = digits("train")
    assert np.array_equal(s.label, images.labels[7:17])
    for k in range(10):
        wanted = 500 * images.pixels[7 + k].ravel()
        got = np.bincount(s.neuron[s.step // 5000 == k], minlength=64)
        assert np.abs(got - wanted).max() < 4.5 * 500**0.5
        assert got[wanted == 0].sum() == 0
        assert np.corrcoef(got, wanted)[0, 1] > 0.97


def test_a_gap_between_digits_is_silent_and_the_last_one_needs_no_gap_after_it():
    s = make("digits", steps=250, window=0.1, gap=0.05)
    assert s.onset.tolist() == [0, 150] and s.offset.tolist() == [100, 250]
    assert not np.any((s.step >= 100) & (s.step < 150))


def test_a_sequence_of_digits_starts_again_at_the_end():
    n = digits("test").labels.size
    s = make("digits", steps=400, window=0.1, gap=0.0, part="test", order="sequential", first=n - 2)
    assert np.array_equal(s.label, digits("test").labels[[n - 2, n - 1, 0, 1]])


def test_digits_fit_sheets_of_other_sizes_with_the_same_mean_rate():
    rates = [make("digits", n=n, steps=100_000, window=1.0, gap=0.0, order="sequential").step.size / n
             for n in (16, 64, 100, 400)]
    assert rates == pytest.approx([rates[1]] * 4, rel=0.05)


def test_fewer_classes_show_only_the_digits_below():
    s = make("digits", steps=20_000, classes=2, gap=0.0)
    assert set(s.label) == {0, 1}


@pytest.mark.parametrize("kind", ["silence", "poisson", "correlated", "waves"])
def test_windows_without_a_class_tile_the_epoch(kind):
    s = make(kind, steps=1050, window=0.25)
    assert s.onset.tolist() == [0, 250, 500, 750]
    assert s.offset.tolist() == [250, 500, 750, 1000]
    assert s.label.tolist() == [-1] * 4


def test_an_epoch_shorter_than_the_window_is_one_window():
    s = make("poisson", steps=50, window=0.1)
    assert (s.onset.tolist(), s.offset.tolist()) == ([0], [50])


@pytest.mark.parametrize(("silent", "deprived"), [
    ("left", range(8)), ("right", range(8, 16)), ("3:6", range(3, 6)), ("chess", [1, 3, 4, 6, 9, 11, 12, 14])])
def test_deprived_neurons_are_silent_and_the_others_fire_exactly_as_before(silent, deprived):
    whole, part = make("poisson", n=16), make("poisson", n=16, silent=silent)
    spared = ~np.isin(whole.neuron, list(deprived))
    assert np.array_equal(part.step, whole.step[spared]) and np.array_equal(part.neuron, whole.neuron[spared])


def test_partly_deprived_neurons_keep_their_share_of_spikes():
    whole, part = make("poisson", steps=50_000), make("poisson", steps=50_000, silent="left", silent_keep=0.1)
    n = (whole.neuron < 32).sum()
    assert abs((part.neuron < 32).sum() - 0.1 * n) < 4 * (0.09 * n)**0.5
    assert (part.neuron >= 32).sum() == (whole.neuron >= 32).sum()


@pytest.mark.parametrize(("kind", "params", "said"), [
    ("poisson", {"rate": 501.0}, "at most 0.5"), ("poisson", {"rate": -1.0}, "rate is -1.0 Hz"),
    ("poisson", {"rate": float("nan")}, "rate is nan"), ("poisson", {"rate": "8 Hz"}, "wanted a number in Hz"),
    ("poisson", {"rate": True}, "wanted a number"), ("poisson", {"silent": 3}, "wanted a name"),
    ("poisson", {"silent": "up"}, "silent is 'up'"), ("poisson", {"silent": "60:65"}, "silent is"),
    ("poisson", {"silent_keep": 2.0}, "silent_keep is"), ("poisson", {"window": 0.0}, "window is 0 s"),
    ("poisson", {"rates": 1.0}, "no parameter 'rates'; it takes rate, window"),
    ("correlated", {"correlation": 1.2}, "correlation is 1.2"), ("correlated", {"groups": 0}, "groups is 0"),
    ("correlated", {"groups": 1.5}, "whole number"), ("waves", {"speed": 0.0}, "speed is 0.0 m/s"),
    ("waves", {"interval": 0.0}, "interval is"), ("waves", {"front": "square"}, "plane, ring"),
    ("bars", {"n": 63}, "64 = 8 x 8"), ("bars", {"window": 5.0}, "holds at least one"),
    ("gratings", {"period": 1.0}, "period is 1.0"), ("digits", {"part": "all"}, "train, test"),
    ("digits", {"order": "sorted"}, "random, sequential"), ("digits", {"images": "cats"}, "digits, mnist")])
def test_a_wrong_parameter_is_refused_in_one_sentence_that_names_it(kind, params, said):
    with pytest.raises(ValueError, match=said) as refusal:
        make(kind, **params)
    assert "\n" not in str(refusal.value)


def test_a_missing_parameter_is_named():
    with pytest.raises(ValueError, match="needs rate, window as well"):
        STIMULI["digits"](64, 100, DT, np.random.default_rng(0))


def test_every_kind_declares_the_unit_of_every_parameter():
    for name, stimulus in STIMULI.items():
        assert set(stimulus.required) | set(stimulus.defaults) == set(stimulus.units), name
        assert set(stimulus.units.values()) <= {"Hz", "s", "m", "m/s", "1", "name"}, name
        for key, value in stimulus.defaults.items():
            assert value is None or isinstance(value, str) == (stimulus.units[key] == "name"), (name, key)


def test_a_kind_with_an_undeclared_parameter_cannot_be_made():
    def tone(n_neurons, n_steps, dt, rng, *, pitch):
        """Never drawn."""
    with pytest.raises(ValueError, match="takes pitch; units are given for rate"):
        Stimulus(tone, {"rate": "Hz"})


def test_importing_stimuli_loads_no_simulator_no_torch_and_no_scikit_learn():
    code = ("import sys, dpap_bio.stimuli, dpap_bio.datasets; "
            "print([m for m in ('brian2', 'torch', 'tonic', 'sklearn', 'h5py', 'pooch') if m in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
