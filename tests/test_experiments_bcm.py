"""BCM in rate form: fixed points, one winner, and the signature of deprivation; wrong thresholds fail."""

import math

import numpy as np
import pytest

from dpap_bio.experiments.bcm_selectivity import bumps, fixed_point, learn, selectivity
from dpap_bio.experiments.ocular_dominance import half_time, seen


def test_fixed_points_of_the_three_thresholds():
    assert fixed_point(8, power=2, exponent=1) == pytest.approx(8)
    assert fixed_point(4, power=1, exponent=3) == pytest.approx(4**1.5)
    assert math.isnan(fixed_point(4, power=1, exponent=1))


def _learned(k, start, *, power=2, exponent=1, sliding=True, steps=8000, eta=0.01, theta=None):
    rng = np.random.default_rng(0)
    shown = rng.integers(k, size=(steps, len(start)))
    return learn(np.eye(k), start, shown, eta=eta / k, tau=50 * k, power=power, exponent=exponent, sliding=sliding)


def test_the_selective_state_answers_one_pattern_with_k_and_is_stable():
    w, theta = _learned(4, np.tile([3.0, 0.1, 0.1, 0.1], (5, 1)))
    assert w[:, 0] == pytest.approx(4, rel=0.15) and np.all(np.abs(w[:, 1:]) < 0.05)
    assert theta == pytest.approx(4, rel=0.3)


def test_without_a_sliding_threshold_no_cell_is_selective():
    w, _ = _learned(4, np.random.default_rng(1).uniform(0, 0.9, (5, 4)), sliding=False)
    assert selectivity(np.clip(w, 0, None), 0.1).max() < 0.2


def test_with_the_plain_mean_as_threshold_the_winner_runs_away():
    w, _ = _learned(4, np.tile([3.0, 0.1, 0.1, 0.1], (5, 1)), power=1)
    assert w.max() > 40


def test_selectivity_of_one_answer_of_k_is_one_minus_one_over_k_and_of_silence_zero():
    assert selectivity(np.array([[8.0] + [0.0] * 7, [0.01] + [0.0] * 7]), 0.1).tolist() == [1 - 1 / 8, 0]


def test_bumps_close_the_ring_at_180_degrees():
    b = bumps(12, 36, 15.0)
    assert b[0, 1] == pytest.approx(b[0, -1]) and b.max() == 1 and b[0, 18] < 1e-7


def test_a_closed_eye_sends_noise_alone_and_both_open_eyes_the_same_pattern():
    rng = np.random.default_rng(0)
    open_ = np.array([[True, True], [False, True]])
    x = seen(3, 8, open_, np.array([0.0, 0.0]), 0.0, rng)[-1]
    assert x[0, 0].tolist() == x[0, 1].tolist() and x[0].sum() == 2
    assert not x[1, 0].any() and x[1, 1].sum() == 1


def test_the_half_time_of_a_known_decay():
    response = np.exp(-np.arange(100) / 20.0)
    assert half_time(response, 10.0) == (140.0, True)
    assert half_time(np.ones(5), 10.0) == (40.0, False)
