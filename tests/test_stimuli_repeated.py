"""Trains of spikes at given times, and Poisson spikes with a rate for each neuron."""

import numpy as np
import pytest

from dpap_bio.stimuli import STIMULI


def shown(kind, n, steps, dt=1e-3, **params):
    return STIMULI[kind](n, steps, dt, np.random.default_rng(0), **params)


def of(spikes, neuron):
    return spikes.step[spikes.neuron == neuron].tolist()


def test_every_neuron_fires_its_own_trains():
    s = shown("repeated", 2, 1000, rate=np.array([2.0, 5.0]), repeats=np.array([2.0, 3.0]), spikes=np.array([1.0, 2.0]),
              interval=0.01, start=0.1)
    assert of(s, 0) == [100, 600]
    assert of(s, 1) == [100, 110, 300, 310, 500, 510]


def test_neurons_that_differ_in_the_shift_alone_fire_exactly_so_far_apart_at_any_rate():
    s = shown("repeated", 2, 40_000, rate=3.0, repeats=100, shift=np.array([0.0, -0.007]), start=0.1)
    assert set(np.subtract(of(s, 1), of(s, 0))) == {-7}


def test_without_repeats_trains_begin_until_the_epoch_ends():
    assert of(shown("repeated", 1, 1000, rate=4.0), 0) == [0, 250, 500, 750]
    assert of(shown("repeated", 1, 1001, rate=4.0), 0) == [0, 250, 500, 750, 1000]


def test_a_rate_of_zero_is_silence():
    assert of(shown("repeated", 2, 100, rate=np.array([0.0, 10.0])), 0) == []


@pytest.mark.parametrize(("wrong", "said"), [
    ({"shift": 0.0005}, "wanted a whole number of steps"),
    ({"repeats": 20}, "do not fit the epoch"),
    ({"shift": -0.01}, "do not fit the epoch"),
    ({"spikes": 2, "interval": 0.0001}, "fall into one step"),
    ({"rate": -1.0}, "rate is -1.0 Hz"),
    ({"rate": np.array([1.0, 2.0, 3.0])}, "3 values for 2 neurons"),
])
def test_what_cannot_be_shown_is_refused_in_one_sentence(wrong, said):
    with pytest.raises(ValueError, match=said) as error:
        shown("repeated", 2, 1000, **{"rate": 10.0, "repeats": 5, **wrong})
    assert "\n" not in str(error.value)


def test_poisson_neurons_fire_at_rates_of_their_own():
    rate = np.array([0.0, 10.0, 40.0])
    s = shown("poisson", 3, 400_000, rate=rate)
    count = np.bincount(s.neuron, minlength=3)
    assert count[0] == 0
    assert count[1:] == pytest.approx(rate[1:] * 400, abs=4 * np.sqrt(40 * 400))


def test_a_parameter_that_all_neurons_share_takes_no_array():
    with pytest.raises(ValueError, match="start is"):
        shown("repeated", 2, 1000, rate=10.0, start=np.array([0.0, 0.1]))
