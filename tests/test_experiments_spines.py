"""Spine turnover: known survival, the fitted stages, small first; one rate, blind loss and other signs fail."""

from types import SimpleNamespace

import numpy as np
import pytest
from data_folder import DATA, needs

from dpap_bio.experiments import EXPERIMENTS
from dpap_bio.experiments.recorded_sizes import distance, psd95, standardised_logs
from dpap_bio.experiments.spine_lives import turnover, two_state, two_state_expected
from dpap_bio.experiments.spine_turnover import auc, change_slope, skew
from dpap_bio.experiments.whisker_trimming import factor
from dpap_bio.kind_experiment import load

ADULT = {"transient": 0.03, "births": 0.0105, "loss_transient": 0.33, "ripening": 0.012, "loss_persistent": 5e-4}
ONE = {"transient": 0.0, "births": 0.0, "loss_transient": 0.0029, "ripening": 0.0, "loss_persistent": 0.0029}


def test_one_rate_of_loss_is_an_exponential_and_fails_after_18_months():
    lost = two_state_expected(548, **ONE)[[14, 548], 0]
    assert lost == pytest.approx(1 - (1 - 0.0029) ** np.array([14, 548])) and 0.03 < lost[0] < 0.05 and lost[1] > 0.75


def test_the_adult_stage_meets_two_weeks_and_18_months():
    expected = two_state_expected(548, **ADULT)
    assert expected[14] == pytest.approx([0.035, 0.035], abs=0.002)
    assert expected[548] == pytest.approx([0.262, 0.206], abs=0.004)


def test_drawn_spines_follow_their_expectation():
    born, died = two_state(20_000, 30, np.random.default_rng(0), **ADULT)
    assert turnover(born, died, 0, 30) == pytest.approx(two_state_expected(30, **ADULT)[30], abs=0.006)


def test_turnover_counts_each_spine_once():
    born, died = np.array([-9.0, -9.0, 3.0, 3.0, 8.0]), np.array([np.inf, 5.0, 4.0, np.inf, np.inf])
    assert turnover(born, died, 0, 6) == (0.5, 0.5)


def test_auc_is_one_when_all_small_are_lost_half_when_blind_and_nan_without_loss():
    size = np.arange(10.0)
    assert auc(size, size < 3) == 1 and auc(np.ones(10), size < 3) == 0.5 and np.isnan(auc(size, size < 0))


def test_changes_in_proportion_to_size_have_slope_one_and_equal_changes_slope_zero():
    rng = np.random.default_rng(0)
    size, noise = np.exp(rng.standard_normal(50_000)), rng.standard_normal(50_000)
    assert change_slope(size, size * (1 + 0.05 * noise)) == pytest.approx(1, abs=0.05)
    assert change_slope(size, size + 0.05 * noise) == pytest.approx(0, abs=0.05)


def test_log_normal_sizes_are_skewed_and_their_logs_are_not():
    x = np.random.default_rng(0).standard_normal(50_000)
    assert abs(skew(x)) < 0.1 and skew(np.exp(0.7 * x)) > 1
    assert distance(standardised_logs([np.exp(0.7 * x)]), x) < 0.01 < 0.1 < distance(x, np.exp(x))


def test_no_recorded_sizes_means_not_applicable(monkeypatch, tmp_path):
    monkeypatch.setenv("DPAP_DATA", str(tmp_path))
    monkeypatch.setattr("dpap_bio.experiments.recorded_sizes.find", _absent)
    assert psd95() == [] and np.isnan(distance(standardised_logs(psd95()), np.ones(3)))


def _absent(name):
    raise FileNotFoundError(name)


@needs("synapse_psd95_melander2021")
def test_recorded_sizes_are_log_normal_on_each_dendrite(monkeypatch):
    monkeypatch.setenv("DPAP_DATA", str(DATA))
    sizes = psd95()
    assert len(sizes) == 14 and all(s.min() > 0 for s in sizes)
    normal = np.random.default_rng(0).standard_normal(20_000)
    assert distance(standardised_logs(sizes), normal) < 0.1


def test_the_sign_of_the_rule_decides_what_less_input_does():
    assert factor(0.3, 1) == pytest.approx(0.3) and factor(0.3, 0) == 1 and factor(0.3, -1) == pytest.approx(1 / 0.3)


@pytest.mark.parametrize(("sign", "low", "high"), [(1, -0.6, -0.2), (0, 0.0, 0.0), (-1, 0.2, 3.0)])
def test_trimming_spares_spines_only_when_elimination_follows_activity(sign, low, high):
    protocol = load("whisker_trimming", size="quick", set_={"sign": float(sign), "settling": 30.0})
    given = EXPERIMENTS["whisker_trimming"].run(protocol.p(protocol.arms[0]), np.random.default_rng(1))
    assert low <= given["elimination_change"] <= high and low <= given["states_elimination_change"] <= high


def test_a_reserve_with_dpaps_own_bonus_and_memory_loses_nothing_mature():
    options = {"settling": 200.0, "days": "1,14,30,548", "spines": 500.0}
    given = {}
    for arm in ("main", "as_dpap"):
        protocol = load("spine_turnover", set_=options)
        p = protocol.p(next(a for a in protocol.arms if a.name == arm))
        given[arm] = EXPERIMENTS["spine_turnover"].run(SimpleNamespace(**vars(p)), np.random.default_rng(0))
    assert given["main"]["reserve_eliminated_548"] > 0.15 > 0.02 > given["as_dpap"]["reserve_eliminated_548"]
