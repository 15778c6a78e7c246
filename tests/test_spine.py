import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules.spine import PRUNE_SPINES, SPINE, SPINE_FLUCTUATION, fluctuation_step, spine_step
from dpap_bio.rules.spine_range import SPINE_RANGE, range_step

LIBRARIES = ["numpy", "array_api_strict", "torch"]
WANDER = {"tau_fluctuation": 50.0, "spread": 0.7}


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_unused_spine_keeps_1_over_e_after_one_decay_constant(library):
    xp = pytest.importorskip(library)
    size = spine_step(xp.asarray([1.0, 2.0]), xp.asarray([0.0, 0.0]), dt=6.0, tau_spine=6.0)
    assert [float(s) for s in size] == pytest.approx([math.exp(-1), 2 * math.exp(-1)])


@given(st.floats(0, 5), st.floats(0, 1), st.floats(0, 9), st.floats(0.1, 30))
def test_two_half_steps_equal_one_step(size, drive, dt, tau):
    half = spine_step(size, drive, dt=dt / 2, tau_spine=tau)
    assert spine_step(half, drive, dt=dt / 2, tau_spine=tau) == pytest.approx(
        spine_step(size, drive, dt=dt, tau_spine=tau)
    )


def test_a_decay_constant_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="positive"):
        spine_step(1.0, 0.0, dt=1.0, tau_spine=0.0)


def test_spines_whose_ends_fire_together_outgrow_the_others():
    x = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    y = [[1.0], [1.0], [0.0]]
    proj = projection([0, 1], [0, 0], spine=[0.5, 0.5])
    after = SPINE.step(proj, activity(x, y), SimpleNamespace(tau_spine=2.0, percentile=0.75), None)
    assert after.synapses.spine[0] > 0.5 > after.synapses.spine[1]


def test_spines_that_are_used_about_equally_are_driven_about_equally():
    x, y = [[0.98, 0.99, 1.0, 1.0]], [[1.0]]
    proj = projection([0, 1, 2, 3], [0] * 4, spine=[0.0] * 4)
    after = SPINE.step(proj, activity(x, y, days=1e3), SimpleNamespace(tau_spine=1.0, percentile=0.75), None)
    assert after.synapses.spine == pytest.approx([0.98, 0.99, 1, 1])


def test_a_spine_below_the_threshold_is_lost():
    proj = projection([0, 1, 2], [0, 0, 0], spine=[0.2, 0.25, 0.9])
    after = PRUNE_SPINES.step(proj, activity(), SimpleNamespace(spine_threshold=0.25), None)
    assert after.synapses.alive.tolist() == [False, True, True]


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_noise_a_size_returns_to_the_median(library):
    xp = pytest.importorskip(library)
    size = fluctuation_step(xp.asarray([math.e, 1 / math.e]), xp.asarray([0.0, 0.0]), dt=50.0, **WANDER)
    assert to_numpy(xp.log(size)) == pytest.approx([math.exp(-1), -math.exp(-1)])


@pytest.mark.parametrize("dt", [0.5, 7.0])
def test_sizes_are_log_normal_in_the_long_run_whatever_the_step(dt):
    rng, size = np.random.default_rng(0), np.full(20_000, 3.0)
    for _ in range(round(300 / dt)):
        size = fluctuation_step(size, rng.standard_normal(size.size), dt=dt, **WANDER)
    log_size = np.log(size)
    assert log_size.mean() == pytest.approx(0, abs=0.03)
    assert log_size.std() == pytest.approx(0.7, rel=0.03)
    assert abs(((log_size / log_size.std()) ** 3).mean()) < 0.1


def test_daily_changes_are_in_proportion_to_size():
    size = np.exp(np.repeat([-1.0, 0.0, 1.0], 20_000))
    after = fluctuation_step(size, np.random.default_rng(0).standard_normal(size.size), dt=1.0, **WANDER)
    spread = (after - size).reshape(3, -1).std(axis=1)
    assert np.log(spread[2] / spread[0]) / 2 == pytest.approx(1, abs=0.05)


def test_small_spines_are_lost_first_and_few_in_two_weeks():
    p = SimpleNamespace(tau_fluctuation=50.0, spine_spread=0.7, spine_threshold=math.exp(-1.4))
    rng, n = np.random.default_rng(1), 5000
    proj = projection(np.arange(n), np.zeros(n, int), spine=np.ones(n))
    for _ in range(300):  # to equilibrium; the lost are born again at exp(-1)
        proj = SPINE_FLUCTUATION.step(proj, activity(), p, rng)
        proj = proj.replace(spine=np.where(proj.synapses.spine < p.spine_threshold, math.exp(-1), proj.synapses.spine))
    before = proj.synapses.spine
    for _ in range(14):
        proj = PRUNE_SPINES.step(SPINE_FLUCTUATION.step(proj, activity(), p, rng), activity(), p, rng)
    lost = ~proj.synapses.alive
    assert 0.02 < lost.mean() < 0.05
    pairs = before[lost][:, None] < before[~lost][None, :]
    assert pairs.mean() > 0.9
    assert np.log(before).std() == pytest.approx(0.64, abs=0.05)


def run_range(weights, persistence=3.0, shrink=0.75):
    """The bound of one weight that takes these values, day after day; it starts at 1."""
    one = np.ones(1)
    upper, pressed, overshoot, falling, before, bounds = one, 0 * one, 0 * one, 0 * one, 0 * one, []
    for w in weights:
        upper, pressed, overshoot, falling = range_step(
            w * one, before, upper, pressed, overshoot, falling, dt=1.0, persistence=persistence, shrink=shrink
        )
        before = w * one
        bounds.append(float(upper[0]))
    return bounds


def test_a_bound_grows_by_the_mean_overshoot_after_a_streak_whose_first_day_only_arms_it():
    assert run_range([9.0, 1.1, 1.2, 1.3]) == pytest.approx([1, 1, 1, 1.2])


def test_a_broken_streak_starts_again():
    assert run_range([1.1, 1.1, 1.1, 0.5, 1.1, 1.1, 1.1]) == [1] * 7


def test_after_a_change_the_streak_goes_on_and_needs_no_arming():
    bounds = run_range([1.3] * 4 + [1.6] * 3)
    assert bounds[3:] == pytest.approx([1.3, 1.3, 1.3, 1.6])


def test_a_bound_shrinks_by_a_quarter_when_the_weight_falls_day_after_day():
    assert run_range([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]) == [1] * 4 + [0.75] * 3 + [0.75**2]
    assert run_range([0.5] * 8) == [1] * 8


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_synapse_has_its_own_bound(library):
    xp = pytest.importorskip(library)
    w, zero = xp.asarray([2.0, 0.5]), xp.asarray([0.0, 0.0])
    upper, pressed, *_ = range_step(
        w, w, xp.asarray([1.0, 1.0]), xp.asarray([3.0, 0.0]), xp.asarray([2.0, 0.0]), zero,
        dt=1.0, persistence=3.0, shrink=0.75,
    )  # fmt: skip
    assert to_numpy(upper) == pytest.approx([2, 1])
    assert to_numpy(pressed).tolist() == [1, 0]


def test_weights_are_bounded_only_after_the_learning_phase():
    p = SimpleNamespace(range_persistence=18.0, range_shrink=0.75, range_from=18.0)
    proj = projection([0], [0], rule=None, w=[1.5], range_upper=[1.0], w_before=[0.0], pressed=[0.0], overshoot=[0.0],
                      falling=[0.0])  # fmt: skip
    assert SPINE_RANGE.step(proj, activity(age=19.0), p, None).synapses.w[0] == 1.5
    assert SPINE_RANGE.step(proj, activity(age=20.0), p, None).synapses.w[0] == 1.0


def test_a_weight_held_by_its_bound_does_not_count_as_falling():
    p = SimpleNamespace(range_persistence=9.0, range_shrink=0.75, range_from=0.0)
    columns = {name: [0.0] for name in ("w_before", "pressed", "overshoot", "falling")}
    proj = projection([0], [0], w=[1.5], range_upper=[1.0], **columns)
    for day in range(3):
        proj = SPINE_RANGE.step(proj.replace(w=np.array([1.4 - 0.1 * day])), activity(age=day + 2.0), p, None)
    assert proj.synapses.falling[0] == 0
