import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules.cutoff import death_days
from dpap_bio.rules.survival import (
    NEURON_SURVIVAL,
    SURVIVAL,
    SURVIVAL_PER_NEURON,
    SURVIVAL_SMOOTH,
    SURVIVAL_WITH_ACTIVITY,
    annealing,
    stakes,
    survive,
    u_scores,
)

LIBRARIES = ["numpy", "array_api_strict", "torch"]
SCORES = st.lists(st.floats(-10, 10, allow_subnormal=False), min_size=1, max_size=20).map(np.array)
P = SimpleNamespace(
    rho=1.5, bonus=2.0, eta=13.0, gamma=0.999, survival_start=5.0, percentile=0.75, elimination=1.0,
    subtract_minimum=1.0, reserve_start=10.0, rho_neuron=1.5, bonus_neuron=2.0, reserve_neuron_start=10.0,
    baseline_rate=5.0,
)  # fmt: skip


def scored(score, post=None, density=None):
    n_post = len(density) if density else None
    target = {"reserve_neuron": np.full(n_post, 10.0), "density": np.array(density)} if density else {}
    post = np.zeros(len(score), int) if post is None else np.array(post)
    return projection(
        np.arange(len(score)),
        post,
        n_post=n_post,
        target=target,
        score=np.array(score),
        reserve=np.full(len(score), 10.0),
    )


def epoch(number, days=1.0, count=0.0):
    return activity(post=[[count]], days=days, age=(number + 1) * days, epoch=number)


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_best_quarter_has_full_importance_and_the_worst_none(library):
    xp = pytest.importorskip(library)
    u = to_numpy(u_scores(xp.asarray([1.0, 2.0, 3.0, 4.0, 50.0]), percentile=0.75))
    assert u == pytest.approx([0, 1 / 3, 2 / 3, 1, 1])


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_the_minimum_nearly_equal_scores_are_all_important(library):
    xp = pytest.importorskip(library)
    z = xp.asarray([0.98, 0.99, 1.0, 1.0])
    assert float(xp.min(u_scores(z, percentile=0.75, subtract_minimum=False))) == pytest.approx(0.98)
    assert float(xp.min(u_scores(z, percentile=0.75))) == 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_within_neurons_each_group_is_ranked_as_if_alone(library):
    xp = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    z, group, alive = rng.normal(size=40), rng.integers(0, 3, 40), rng.random(40) < 0.8
    given_ = {"alive": xp.asarray(alive), "group": xp.asarray(group), "n_groups": 4}
    found = to_numpy(u_scores(xp.asarray(z), percentile=0.75, **given_))
    for k in range(3):
        mine = alive & (group == k)
        assert found[mine] == pytest.approx(u_scores(z[mine], percentile=0.75))
    assert not found[~alive].any()


@given(SCORES, st.randoms(use_true_random=False))
def test_importance_does_not_depend_on_the_order_of_the_synapses(z, random):
    order = np.array(random.sample(range(len(z)), len(z)))
    whole = u_scores(z, percentile=0.75)
    assert u_scores(z[order], percentile=0.75) == pytest.approx(whole[order])


@given(SCORES, st.floats(0.1, 10))
def test_importance_does_not_depend_on_the_unit_of_the_score(z, factor):
    assert u_scores(factor * z, percentile=0.75) == pytest.approx(u_scores(z, percentile=0.75), abs=1e-6)


@given(SCORES)
def test_dead_units_do_not_change_the_importance_of_the_living(z):
    more = np.concatenate([z, [1e6, -1e6]])
    alive = np.arange(len(more)) < len(z)
    assert u_scores(more, percentile=0.75, alive=alive)[:-2] == pytest.approx(u_scores(z, percentile=0.75))


@pytest.mark.parametrize("subtract", [True, False])
def test_in_a_mostly_silent_layer_the_silent_have_none_and_the_active_full_importance(subtract):
    z = np.array([0.0] * 8 + [1.0, 2.0])
    assert u_scores(z, percentile=0.75, subtract_minimum=subtract).tolist() == [0] * 8 + [1, 1]
    assert u_scores(z, percentile=0.75, parity=True).tolist() == [0.5] * 10


def test_a_layer_of_equals_is_spared_and_a_silent_layer_is_not():
    assert u_scores(np.full(4, 0.2), percentile=0.75).tolist() == [1] * 4
    assert u_scores(np.zeros(4), percentile=0.75).tolist() == [0] * 4
    assert u_scores(np.full(1, 0.2), percentile=0.75).tolist() == [1]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_reserve_gains_above_half_rho_and_loses_below(library):
    xp = pytest.importorskip(library)
    reserve = xp.asarray([10.0, 10.0, 10.0])
    price = {"rho": 1.5, "bonus": 2.0, "kappa": 0.5, "gamma": 0.9}
    found = to_numpy(survive(reserve, xp.asarray([1.0, 0.75, 0.0]), **price))
    assert found == pytest.approx([9 + 0.5 * 2.5, 9, 9 - 0.5 * 1.5])
    spared = to_numpy(survive(reserve, xp.asarray([1.0, 0.75, 0.0]), elimination=0.0, **price))
    assert spared == pytest.approx([9 + 0.5 * 2.5, 9, 9])


def test_the_staircase_falls_every_eta_days_and_the_smooth_form_every_day():
    stair = [annealing(day, start=5, eta=3) for day in range(12)]
    assert stair == pytest.approx([0] * 5 + [1] * 3 + [math.exp(-1)] * 3 + [math.exp(-2)])
    assert annealing(8, start=5, eta=3, kind="smooth") == pytest.approx(math.exp(-1))
    assert annealing(6, start=5, eta=3, kind="smooth") == pytest.approx(math.exp(-1 / 3))


def test_an_unknown_annealing_is_refused():
    with pytest.raises(ValueError, match="staircase"):
        annealing(1, start=0, eta=3, kind="linear")


@given(st.integers(0, 60), st.sampled_from(["staircase", "smooth"]))
def test_the_stakes_of_one_day_are_the_annealing(day, kind):
    whole = stakes(day, 1.0, start=5, eta=13, gamma=0.999, kind=kind)
    assert whole == pytest.approx(annealing(day, start=5, eta=13, kind=kind))


@given(
    st.floats(0, 40), st.floats(0, 9), st.floats(0, 9), st.floats(0.5, 1), st.floats(0, 1),
    st.sampled_from(["staircase", "smooth"]),
)  # fmt: skip
def test_two_steps_are_one_step_of_their_summed_length(age, first, second, gamma, u, kind):
    def step(reserve, age, days):
        kappa = stakes(age, days, start=0, eta=7, gamma=gamma, kind=kind)
        return survive(reserve, np.array([u]), rho=1.5, bonus=2.0, kappa=kappa, gamma=gamma**days)

    parts = step(step(np.array([10.0]), age, first), age + first, second)
    assert parts == pytest.approx(step(np.array([10.0]), age, first + second), rel=1e-6)


@pytest.mark.parametrize("days", [0.25, 1.0, 3.0])
def test_the_rule_reaches_the_same_reserve_whatever_an_epoch_stands_for(days):
    proj = scored([0.0, 1.0, 2.0, 3.0, 4.0])
    for number in range(round(30 / days)):
        proj = SURVIVAL.step(proj, epoch(number, days), P, None)
    reserve = np.full(5, 10.0)
    for day in range(5, 30):
        u = u_scores(proj.synapses.score, percentile=0.75)
        reserve = survive(reserve, u, rho=1.5, bonus=2.0, kappa=annealing(day, start=5, eta=13), gamma=0.999)
    assert proj.synapses.reserve == pytest.approx(reserve)


def test_an_unused_synapse_dies_in_epoch_eleven():
    proj, deaths = scored([0.0, 1.0, 2.0, 3.0]), None
    for number in range(20):
        proj = SURVIVAL.step(proj, epoch(number), P, None)
        if deaths is None and proj.synapses.reserve[0] < 0:
            deaths = number
    price = {"rho": 1.5, "bonus": 2.0, "eta": 13.0, "gamma": 0.999, "kind": "staircase"}
    assert deaths == 11 == death_days([0.0], days=20, reserve_start=10.0, start=5, **price)[0]


def test_before_the_start_reserves_wait_even_those_that_decay():
    proj = scored([0.0, 1.0])
    assert SURVIVAL.step(proj, epoch(4), P, None).synapses.reserve.tolist() == [10, 10]


def test_the_smooth_rule_takes_less_than_the_staircase_after_the_first_day():
    def after_ten(rule):
        proj = scored([0.0, 1.0, 2.0])
        for number in range(10):
            proj = rule.step(proj, epoch(number), P, None)
        return proj.synapses.reserve[0]

    assert after_ten(SURVIVAL) < after_ten(SURVIVAL_SMOOTH) < 10


def test_ranked_per_neuron_a_weak_neurons_best_synapse_is_safe():
    proj = scored([1.0, 2.0, 3.0, 100.0, 200.0, 300.0], post=[0, 0, 0, 1, 1, 1])
    layer = SURVIVAL.step(proj, epoch(5), P, None).synapses.reserve
    neuron = SURVIVAL_PER_NEURON.step(proj, epoch(5), P, None).synapses.reserve
    assert layer[2] < 10 < neuron[2]


def test_when_elimination_is_active_a_silent_target_loses_nothing_and_a_baseline_one_as_usual():
    proj = scored([0.0, 1.0, 2.0])
    kept = 0.999 * 10
    assert SURVIVAL_WITH_ACTIVITY.step(proj, epoch(5, count=0.0), P, None).synapses.reserve[0] == kept
    assert SURVIVAL_WITH_ACTIVITY.step(proj, epoch(5, count=5.0), P, None).synapses.reserve[0] == kept - 1.5


def test_neurons_pay_by_their_density_and_synapses_are_left_alone():
    proj = scored([0.0, 1.0], density=[0.0, 0.5, 1.0])
    after = NEURON_SURVIVAL.step(proj, epoch(5), P, None)
    assert after.target.reserve_neuron[0] == pytest.approx(9.99 - 1.5)
    assert after.target.reserve_neuron[2] == pytest.approx(9.99 + 2.5)
    assert after.synapses is proj.synapses
