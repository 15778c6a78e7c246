import math

import numpy as np
import pytest

from dpap_bio.rules.cutoff import (
    annealing_sum,
    cutoff,
    cutoff_estimate,
    death_days,
    pruned_share,
    rho_estimate,
    rho_for_share,
)

SAME = {"gamma": 0.999, "reserve_start": 10.0, "start": 5}
CONV = {"rho": 0.65, "bonus": 5.0, "eta": 12.0, "kind": "staircase", **SAME}
DENSE = {"rho": 1.5, "bonus": 2.0, "eta": 13.0, "kind": "staircase", **SAME}
SMOOTH = {"kind": "smooth"}


@pytest.mark.parametrize(("code", "wanted"), [(CONV, 0.0652), (DENSE, 0.5104)])
def test_the_cutoff_of_the_reference_constants(code, wanted):
    assert cutoff(days=300, **code) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ("code", "deaths"),
    [
        (CONV, {0.0: 25, 0.02: 28, 0.04: 35, 0.06: 52}),
        (DENSE, {0.0: 11, 0.1: 12, 0.3: 16, 0.4: 21, 0.5: 48}),
    ],
)
def test_each_importance_dies_on_its_day(code, deaths):
    assert death_days(list(deaths), days=300, **code).tolist() == list(deaths.values())


@pytest.mark.parametrize(("code", "last"), [(CONV, 138), (DENSE, 148)])
def test_the_last_death_on_a_grid_of_1e_5_and_none_above_the_cutoff(code, last):
    u = math.floor(cutoff(days=300, **code) * 1e5) / 1e5
    assert death_days([u, u + 1e-5], days=3000, **code).tolist() == [last, math.inf]


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (CONV, {20: 0.0, 30: 0.026, 40: 0.049, 60: 0.062, 100: 0.065}),
        (DENSE, {20: 0.389, 30: 0.466, 40: 0.490, 60: 0.506, 100: 0.510}),
    ],
)
def test_a_run_that_stops_early_has_a_lower_cutoff(code, wanted):
    assert {days: cutoff(days=days, **code) for days in wanted} == pytest.approx(wanted, abs=6e-4)


def test_nothing_is_pruned_before_day_eleven():
    assert cutoff(days=11, **DENSE) == 0.0


def test_the_smooth_annealing_with_the_convolutional_constants_never_prunes():
    assert cutoff(days=300, **(CONV | SMOOTH)) == 0.0
    assert cutoff(days=300, **(DENSE | SMOOTH)) == pytest.approx(0.385, abs=5e-4)


@pytest.mark.parametrize(("code", "wanted"), [(CONV, 0.0644), (DENSE, 0.509)])
def test_a_smaller_reserve_gives_smooth_annealing_the_staircases_cutoff(code, wanted):
    assert cutoff(days=300, **(code | SMOOTH | {"reserve_start": 6.6})) == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(("rho", "wanted"), [(0.8, 0.140), (1.0, 0.240), (1.2, 0.340)])
def test_the_closed_form_is_within_0_004_of_the_recursion(rho, wanted):
    exact = cutoff(days=300, **(CONV | {"rho": rho}))
    assert exact == pytest.approx(wanted, abs=5e-4)
    assert cutoff_estimate(rho=rho, reserve_start=10, eta=12, kind="staircase") == pytest.approx(exact, abs=4e-3)


@pytest.mark.parametrize(("eta", "wanted"), [(12.0, 18.98), (13.0, 20.57)])
def test_the_sum_of_the_stakes(eta, wanted):
    assert annealing_sum(eta=eta, kind="staircase") == pytest.approx(wanted, abs=5e-3)
    assert annealing_sum(eta=eta, kind="staircase") == pytest.approx(eta / (1 - math.exp(-1)))
    assert annealing_sum(eta=eta, kind="smooth") == pytest.approx(1 / (1 - math.exp(-1 / eta)))
    assert annealing_sum(eta=eta, kind="staircase", days=3) == 3


@pytest.mark.parametrize(
    ("code", "share", "deaths"),
    [
        (DENSE, 0.51, [506, 272, 86, 68, 29, 19, 16, 7, 6, 4]),
        (CONV, 0.065, [0, 0, 0, 52, 24, 22, 11, 7]),
    ],
)
def test_deaths_of_uniform_importance_come_in_a_burst_with_a_falling_tail(code, share, deaths):
    days = death_days(np.linspace(0, 1, 2001), days=300, **code)
    assert np.isfinite(days).mean() == pytest.approx(share, abs=5e-3)
    assert [((days >= a) & (days < a + 5)).sum() for a in range(10, 10 + 5 * len(deaths), 5)] == deaths


def test_with_the_dead_ranked_along_the_pruned_share_is_the_share_below_the_cutoff():
    score = np.random.default_rng(0).exponential(size=2000)
    u = np.clip((score - score.min()) / (np.quantile(score, 0.75) - score.min()), 0, 1)
    share = pruned_share(score, days=300, percentile=0.75, live_only=False, **DENSE)
    assert share == (u < cutoff(days=300, **DENSE)).mean()


def test_ranking_survivors_anew_prunes_more():
    score = np.random.default_rng(0).exponential(size=2000)
    anew = pruned_share(score, days=300, percentile=0.75, **DENSE)
    assert anew > 0.1 + pruned_share(score, days=300, percentile=0.75, live_only=False, **DENSE)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_the_solved_rho_prunes_the_wanted_share(share):
    score = np.random.default_rng(1).lognormal(size=2000)
    rest = {key: value for key, value in DENSE.items() if key != "rho"} | {"percentile": 0.75}
    rho = rho_for_share(score, share, days=100, **rest)
    assert pruned_share(score, days=100, rho=rho, **rest) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_estimated_rho_prunes_the_wanted_share_when_the_dead_are_ranked_along(share):
    score = np.random.default_rng(1).random(2000)
    rho = rho_estimate(score, share, percentile=0.75, reserve_start=10.0, eta=13.0, kind="staircase")
    found = pruned_share(score, days=300, percentile=0.75, live_only=False, **(DENSE | {"rho": rho}))
    assert found == pytest.approx(share, abs=0.01)


def test_no_rho_prunes_just_more_than_all_but_the_best_quarter():
    score = np.random.default_rng(1).lognormal(size=2000)
    rest = {key: value for key, value in DENSE.items() if key != "rho"} | {"percentile": 0.75}
    assert pruned_share(score, days=100, rho=1.95, **rest) < 0.76
    assert pruned_share(score, days=100, rho=2.0, **rest) > 0.85
    assert rho_for_share(score, 0.8, days=100, **rest) == pytest.approx(2, abs=0.05)


def test_a_share_that_cannot_be_pruned_is_refused():
    rest = {key: value for key, value in DENSE.items() if key != "rho"} | {"percentile": 0.75}
    with pytest.raises(ValueError, match=r"in \[0, 1\)"):
        rho_for_share(np.arange(9.0), 1.0, days=100, **rest)
    with pytest.raises(ValueError, match="within 3 days"):
        rho_for_share(np.arange(9.0), 0.5, days=3, **rest)
