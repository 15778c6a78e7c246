import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules.scaling import RATE_SCALING, SCALING, scale_to_rate, scale_to_sum

LIBRARIES = ["numpy", "array_api_strict", "torch"]
W = [1.0, 3.0, 2.0, 5.0]
POST = [0, 0, 1, 1]
ALIVE = [True, True, True, False]


@pytest.mark.parametrize("library", LIBRARIES)
def test_after_scaling_each_neurons_live_weights_have_the_wanted_sum(library):
    xp = pytest.importorskip(library)
    w = scale_to_sum(xp.asarray(W), xp.asarray(POST), xp.asarray(ALIVE), 3, total=8.0, w_max=100.0, moved=1.0)
    assert to_numpy(w) == pytest.approx([2, 6, 8, 5])


def test_the_bound_is_kept_and_what_it_cuts_off_is_lost():
    w = scale_to_sum(np.array(W), np.array(POST), np.array(ALIVE), 2, total=8.0, w_max=5.0, moved=1.0)
    assert w == pytest.approx([2, 5, 5, 5])


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8), st.floats(0, 1))
def test_scaling_keeps_the_ratios_of_the_weights(w, moved):
    w, post = np.array(w), np.zeros(len(w), int)
    after = scale_to_sum(w, post, post == 0, 1, total=2.0, w_max=1e9, moved=moved)
    assert after / w == pytest.approx(np.full(len(w), (after / w)[0]))


def test_weights_that_are_all_zero_stay_zero():
    w = scale_to_sum(np.zeros(2), np.array([0, 0]), np.ones(2, bool), 1, total=1.0, w_max=1.0, moved=1.0)
    assert w.tolist() == [0, 0]


@given(st.floats(0, 5), st.floats(0, 5))
def test_scaling_for_two_spans_is_scaling_for_their_sum(first, second):
    p = SimpleNamespace(afferent_sum=3.0, w_max=1e9, tau_scaling=2.0)
    proj = projection([0, 1, 2], [0, 0, 1], w=[1.0, 2.0, 0.5])
    whole = SCALING.step(proj, activity(days=first + second), p, None)
    for days in (first, second):
        proj = SCALING.step(proj, activity(days=days), p, None)
    assert proj.synapses.w == pytest.approx(whole.synapses.w)


def test_with_no_time_constant_the_sum_is_reached_at_once():
    p = SimpleNamespace(afferent_sum=6.0, w_max=1e9, tau_scaling=0.0)
    assert SCALING.step(projection([0, 1], [0, 0]), activity(), p, None).synapses.w.tolist() == [3, 3]


@pytest.mark.parametrize("library", LIBRARIES)
def test_at_the_wanted_rate_nothing_changes_and_a_quiet_neuron_is_strengthened(library):
    xp = pytest.importorskip(library)
    rate = xp.asarray([5.0, 0.0])
    w = scale_to_rate(xp.asarray(W), xp.asarray(POST), xp.asarray(ALIVE), rate, target=5.0, w_max=9.0, gain=0.1)
    assert to_numpy(w) == pytest.approx([1, 3, 2 * math.exp(0.1), 5])


@given(st.floats(0, 50))
def test_two_half_steps_of_rate_scaling_are_one(rate):
    args = np.array([0]), np.array([True]), np.array([rate])
    options = {"target": 5.0, "w_max": 1e9}
    half = scale_to_rate(np.array([1.0]), *args, gain=0.05, **options)
    assert scale_to_rate(half, *args, gain=0.05, **options) == pytest.approx(
        scale_to_rate(np.array([1.0]), *args, gain=0.1, **options)
    )


def test_the_rate_is_spikes_per_simulated_second():
    p = SimpleNamespace(rate_wanted=5.0, w_max=9.0, tau_scaling=10.0)
    proj = projection([0], [0])
    assert RATE_SCALING.step(proj, activity(post=[[10.0]], seconds=2.0), p, None).synapses.w.tolist() == [1]
    assert RATE_SCALING.step(proj, activity(post=[[10.0]], seconds=1.0), p, None).synapses.w[0] < 1
