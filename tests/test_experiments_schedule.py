"""Pruning schedules: they all end alike, paths are shortest, DPAP's deaths are its reserve's; the order holds."""

import numpy as np
import pytest

from dpap_bio.experiments import EXPERIMENTS
from dpap_bio.experiments.pruning_schedule import SCHEDULES, cuts, distances, dpap_deaths, least_used, route
from dpap_bio.kind_experiment import load


@pytest.fixture(scope="module")
def p():
    protocol = load("pruning_schedule")
    return protocol.p(protocol.arms[0])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_ends_with_the_same_number_of_edges(schedule, p):
    plan = cuts(schedule, 5900, 200, 10, p)
    assert plan.sum() == 5700 and plan.min() >= 0


def test_schedules_are_what_their_names_say(p):
    decreasing, fraction, number, increasing = (cuts(s, 59000, 2000, 10, p) for s in SCHEDULES[:4])
    assert np.all(np.diff(decreasing) < 0) and np.all(np.diff(increasing) > 0) and np.ptp(number) <= 1
    left = 59000 - np.cumsum(fraction)
    assert left[1:] / left[:-1] == pytest.approx((2000 / 59000) ** 0.1, rel=1e-3)


def test_dpap_kills_in_a_burst_and_then_ever_fewer(p):
    assert dpap_deaths(10, p).tolist() == [506, 272, 86, 68, 29, 19, 16, 7, 6, 4]


def test_a_route_is_a_shortest_path_and_marks_its_edges():
    chain = np.zeros((5, 5), bool)
    chain[[0, 1, 2, 0, 3], [1, 2, 4, 3, 4]] = True
    steps, usage = distances(chain, 1), np.zeros((5, 5))
    assert steps[0].tolist() == [0, 1, 2, 1, 2]
    assert route(chain, steps, usage, 0, 4, np.random.default_rng(0)) == 2
    assert usage[0, 3] == usage[3, 4] == 1 and usage.sum() == 2


def test_where_there_is_no_way_nothing_is_marked():
    usage = np.zeros((3, 3))
    net = np.zeros((3, 3), bool)
    assert route(net, distances(net, 1), usage, 0, 2, np.random.default_rng(0)) == -1 and not usage.any()


def test_the_least_used_edges_go():
    usage = np.array([[0.0, 3], [1, 0]])
    assert least_used(usage > 0, usage, 1, np.random.default_rng(0)).tolist() == [[False, True], [False, False]]


def test_decreasing_rates_route_best_and_swapped_rates_fail():
    protocol = load("pruning_schedule", set_={"demands": 1000.0, "fresh": 500.0})
    main, control = (EXPERIMENTS["pruning_schedule"].run(protocol.p(arm), np.random.default_rng(1))
                     for arm in protocol.arms)
    assert main["step_sparse"] > 0 > control["step_sparse"] and main["robust_gain"] > 0.2 > control["robust_gain"]
