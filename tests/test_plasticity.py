import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpap_bio.rules.plasticity import bcm, inhibitory_stdp, pair_stdp, triplet_stdp

LAGS = [s * ms / 1000 for ms in (1, 2, 5, 10, 15, 20, 30, 40, 60, 80) for s in (1, -1)]
BI_POO = {"w0": 1.0, "a_plus": 0.777 / 60, "a_minus": 0.273 / 60, "tau_plus": 16.8e-3, "tau_minus": 33.7e-3}
RATES = [0.1, 10, 20, 40, 50]
SJOSTROM = {  # lag in s -> change at each of RATES, and its standard error
    0.01: ([-0.04, 0.14, 0.29, 0.53, 0.56], [0.05, 0.10, 0.14, 0.11, 0.26]),
    -0.01: ([-0.29, -0.41, -0.34, 0.56, 0.75], [0.08, 0.11, 0.10, 0.32, 0.19]),
}


def amplitudes(a2_plus, a3_plus, a2_minus, a3_minus, tau_x, tau_y, scheme="all_to_all"):
    taus = {"tau_plus": 16.8e-3, "tau_minus": 33.7e-3, "tau_x": tau_x, "tau_y": tau_y}
    return {
        "a2_plus": a2_plus,
        "a3_plus": a3_plus,
        "a2_minus": a2_minus,
        "a3_minus": a3_minus,
        **taus,
        "scheme": scheme,
    }


VC_FULL = amplitudes(5e-10, 6.2e-3, 7e-3, 2.3e-4, 0.101, 0.125)
VC_MINIMAL = amplitudes(0, 6.5e-3, 7.1e-3, 0, 1.0, 0.114)
VC_NEAREST_FULL = amplitudes(8.8e-11, 5.3e-2, 6.6e-3, 3.1e-3, 0.714, 0.040, "nearest")
VC_NEAREST = amplitudes(0, 5e-2, 8e-3, 0, 1.0, 0.040, "nearest")
HC_FULL = amplitudes(6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 0.946, 0.027)
HC_MINIMAL = amplitudes(5.3e-3, 8.0e-3, 3.5e-3, 0, 1.0, 0.040)
HC_NEAREST = amplitudes(4.6e-3, 9.1e-3, 3e-3, 7.5e-9, 0.575, 0.047, "nearest")
PAIR = {"a_plus": 4.6e-3, "a_minus": 3e-3, "tau_plus": 16.8e-3, "tau_minus": 33.7e-3}


def trains(lag, rate=1.0, n=60):
    t = 1.0 + np.arange(n) / rate
    return t, t + lag


def frequency_curves(rule, **parameters):
    return {lag: [rule(*trains(lag, rate), w0=1.0, **parameters)[-1] - 1 for rate in RATES] for lag in SJOSTROM}


def fit_error(curves):
    terms = [
        ((m - d) / s) ** 2
        for lag, (data, sem) in SJOSTROM.items()
        for m, d, s in zip(curves[lag], data, sem, strict=True)
    ]
    return float(np.mean(terms))


def wang(first, second, parameters):
    """60 triplets at 1 Hz; pre-post-pre if first > 0, post-pre-post otherwise; intervals in ms."""
    middle = 1.0 + np.arange(60.0)
    outer = np.concatenate([middle - abs(first) / 1000, middle + abs(second) / 1000])
    pre, post = (outer, middle) if first > 0 else (middle, outer)
    return triplet_stdp(pre, post, w0=1.0, **parameters)[-1] - 1


@pytest.mark.parametrize("lag", LAGS)
def test_sixty_isolated_pairs_trace_the_exponential_window(lag):
    change = pair_stdp(*trains(lag), **BI_POO)[-1] - 1
    wanted = 0.777 * math.exp(-lag / 16.8e-3) if lag > 0 else -0.273 * math.exp(lag / 33.7e-3)
    assert change == pytest.approx(wanted, abs=1e-6)


def test_at_equal_times_the_pair_counts_as_pre_before_post():
    assert pair_stdp([1.0], [1.0], **BI_POO).tolist() == [1, 1, 1 + BI_POO["a_plus"]]


def test_times_that_differ_by_rounding_alone_are_equal():
    assert pair_stdp([0.1 + 0.2], [0.3], **BI_POO)[-1] == pytest.approx(1 + BI_POO["a_plus"])


@given(st.lists(st.floats(0, 1), max_size=12), st.lists(st.floats(0, 1), max_size=12), st.floats(0, 1))
def test_bounded_weights_stay_within_their_bounds(t_pre, t_post, mu):
    w = pair_stdp(t_pre, t_post, w0=1.0, a_plus=0.3, a_minus=0.4, tau_plus=0.02, tau_minus=0.02, mu=mu, w_max=2.0)
    assert len(w) == len(t_pre) + len(t_post) + 1
    assert w.min() >= 0 and w.max() <= 2


@given(st.floats(0.1, 9.9))
def test_a_change_in_units_of_w_max_does_not_depend_on_that_unit(w_max):
    options = {"a_plus": 0.05, "a_minus": 0.04, "tau_plus": 0.02, "tau_minus": 0.03, "mu": 0.5}
    t_pre, t_post = [0.0, 0.03, 0.05], [0.01, 0.04]
    one = pair_stdp(t_pre, t_post, w0=0.3, w_max=1.0, **options)
    assert pair_stdp(t_pre, t_post, w0=0.3 * w_max, w_max=w_max, **options) / w_max == pytest.approx(one)


def test_additive_changes_ignore_the_weight_and_multiplicative_ones_vanish_at_the_bounds():
    options = {"a_plus": 0.01, "a_minus": 0.01, "tau_plus": 0.02, "tau_minus": 0.02, "w_max": 1.0}
    steps = {mu: [pair_stdp([0], [0.01], w0=w, mu=mu, **options)[-1] - w for w in (0.1, 0.9)] for mu in (0, 1)}
    assert steps[0][0] == pytest.approx(steps[0][1])
    assert steps[1][0] == pytest.approx(9 * steps[1][1])


def test_nearest_pairing_forgets_all_but_the_last_spike():
    burst = [0.0, 0.001, 0.002]
    assert pair_stdp(burst, [0.012], **BI_POO, scheme="nearest")[-1] == pytest.approx(
        pair_stdp([0.002], [0.012], **BI_POO)[-1]
    )
    assert pair_stdp(burst, [0.012], **BI_POO)[-1] > pair_stdp([0.002], [0.012], **BI_POO)[-1]


def test_an_unknown_scheme_is_refused():
    with pytest.raises(ValueError, match="nearest"):
        pair_stdp([0], [1], **BI_POO, scheme="symmetric")


@pytest.mark.parametrize(
    ("parameters", "after", "before"),
    [
        (VC_MINIMAL, [0.000, 0.119, 0.228, 0.532, 0.763], [-0.317, -0.332, -0.342, 0.174, 0.749]),
        (VC_FULL, [0.000, 0.132, 0.247, 0.534, 0.741], [-0.312, -0.334, -0.352, 0.155, 0.727]),
        (VC_NEAREST, [0.000, 0.101, 0.322, 0.568, 0.636], [-0.357, -0.356, -0.279, 0.290, 0.630]),
    ],
)
def test_triplets_follow_the_reference_at_every_frequency(parameters, after, before):
    curves = frequency_curves(triplet_stdp, **parameters)
    assert curves[0.01] == pytest.approx(after, abs=2e-3)
    assert curves[-0.01] == pytest.approx(before, abs=2e-3)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [(VC_FULL, 0.342), (VC_MINIMAL, 0.356), (VC_NEAREST_FULL, 0.232), (VC_NEAREST, 0.348)],
)
def test_the_fit_error_of_each_published_set_is_reproduced(parameters, error):
    assert fit_error(frequency_curves(triplet_stdp, **parameters)) == pytest.approx(error, abs=5e-3)


def test_pairs_alone_cannot_fit_the_frequency_dependence():
    curves = frequency_curves(pair_stdp, **PAIR)
    assert curves[0.01] == pytest.approx([0.152, 0.140, 0.091, -0.018, -0.071], abs=2e-3)
    assert curves[-0.01] == pytest.approx([-0.134, -0.140, -0.146, -0.109, -0.079], abs=2e-3)
    assert fit_error(curves) > 2
    assert all(a > b for a, b in zip(curves[0.01], curves[0.01][1:], strict=False))


@pytest.mark.parametrize(
    ("first", "second", "full", "minimal", "nearest"),
    [
        (5, -5, 0.043, 0.055, 0.050),
        (10, -10, 0.005, 0.019, 0.018),
        (5, -15, 0.102, 0.102, 0.090),
        (-5, 5, 0.358, 0.333, 0.378),
        (-5, 15, 0.108, 0.068, 0.104),
        (-15, 5, 0.325, 0.318, 0.355),
    ],
)
def test_hippocampal_triplets_follow_the_reference(first, second, full, minimal, nearest):
    assert wang(first, second, HC_FULL) == pytest.approx(full, abs=2e-3)
    assert wang(first, second, HC_MINIMAL) == pytest.approx(minimal, abs=2e-3)
    assert wang(first, second, HC_NEAREST) == pytest.approx(nearest, abs=2e-3)


def test_potentiation_that_comes_last_wins_only_with_triplets():
    assert wang(-5, 5, HC_FULL) - wang(5, -5, HC_FULL) >= 0.2
    pairs = {**HC_FULL, "a3_plus": 0, "a3_minus": 0}
    assert wang(-5, 5, pairs) == pytest.approx(wang(5, -5, pairs), abs=1e-12)


def test_triplets_turn_to_potentiation_at_the_closed_form_rate():
    border = VC_MINIMAL["a2_minus"] * 33.7e-3 / (VC_MINIMAL["a3_plus"] * 16.8e-3 * VC_MINIMAL["tau_y"])
    assert border == pytest.approx(19.22, abs=5e-3)
    drift = {}
    for rate in (10, 19.22, 30):
        rng = np.random.default_rng(0)
        t_pre, t_post = (np.sort(rng.uniform(0, 2000, rng.poisson(2000 * r))) for r in (10, rate))
        drift[rate] = (triplet_stdp(t_pre, t_post, w0=1.0, **VC_MINIMAL)[-1] - 1) / 2000
    assert drift[10] == pytest.approx(-0.0115, abs=2e-3)
    assert drift[19.22] == pytest.approx(0, abs=2e-3)
    assert drift[30] == pytest.approx(0.0422, abs=4e-3)


@pytest.mark.parametrize(("rate", "sign"), [(2.0, -1), (5.0, 0), (10.0, 1)])
def test_inhibition_grows_above_the_wanted_rate_and_weakens_below(rate, sign):
    rng = np.random.default_rng(1)
    t_pre, t_post = (np.sort(rng.uniform(0, 2000, rng.poisson(2000 * r))) for r in (10, rate))
    w = inhibitory_stdp(t_pre, t_post, w0=0.0, eta=1e-3, rate=5.0, tau=0.02)
    assert w[-1] / 2000 == pytest.approx(2 * 1e-3 * 0.02 * 10 * (rate - 5), abs=2e-4)
    assert sign == 0 or math.copysign(1, w[-1]) == sign


BCM = {"w0": 0.5, "eta": 1e-4, "rate": 5.0, "tau_rate": 0.2, "tau_threshold": 2.0, "threshold0": 5.0}


@pytest.mark.parametrize("power", [1, 2])
def test_the_sliding_threshold_is_the_exact_solution_of_its_equation(power):
    t_post, ends = [0.1, 0.15, 0.4], 0.7
    _, threshold = bcm([ends], t_post, power=power, **BCM)
    r, theta, dt = 0.0, 5.0, 1e-5
    spikes = {round(t / dt) for t in t_post}
    for step in range(round(ends / dt)):
        r += (1 / 0.2) * (step in spikes)
        theta += dt * (5.0 * (r / 5.0) ** power - theta) / 2.0
        r *= math.exp(-dt / 0.2)
    assert threshold[-1] == pytest.approx(theta, rel=1e-4)


def test_a_steady_rate_is_its_own_threshold_only_at_the_wanted_rate():
    for rate, wanted in ((5.0, 5.0), (10.0, 20.0)):
        t_post = np.arange(0, 40, 1 / rate)
        _, threshold = bcm([], t_post, **(BCM | {"tau_rate": 2.0}))
        assert threshold[-1] == pytest.approx(wanted, rel=0.05)


def test_bcm_weakens_below_the_threshold_and_strengthens_above():
    change = {}
    for threshold0 in (1.0, 100.0):
        w, _ = bcm([0.01], [0.0], **(BCM | {"threshold0": threshold0, "tau_threshold": 1e6}))
        change[threshold0] = w[-1] - 0.5
    assert change[100.0] < 0 < change[1.0]
    r = 5 * math.exp(-0.05)
    assert change[1.0] == pytest.approx(1e-4 * r * (r - 1) / 25)
