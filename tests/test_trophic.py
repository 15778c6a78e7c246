from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules.trophic import TROPHIC, starved, trophic_step

LIBRARIES = ["numpy", "array_api_strict", "torch"]
AFFINITY = np.array([3.0, 2.0, 1.0])
POST = np.zeros(3, int)
ALIVE = np.ones(3, bool)


def settled(steepness, affinity=AFFINITY, level=None, half_uptake=0.0, days=400.0):
    level = np.ones(3) if level is None else np.array(level)
    options = {"supply": 6.0, "half_uptake": half_uptake, "steepness": steepness, "tau_trophic": 2.0}
    return trophic_step(level, affinity, POST, ALIVE, 1, dt=days, **options)


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_feedback_each_synapse_gets_its_share_of_the_supply(library):
    xp = pytest.importorskip(library)
    level = trophic_step(
        xp.asarray([0.0, 1.0, 2.0, 7.0]), xp.asarray([3.0, 1.0, 5.0, 9.0]), xp.asarray([0, 0, 1, 1]),
        xp.asarray([True, True, True, False]), 2,
        dt=100.0, supply=8.0, half_uptake=0.0, steepness=0.0, tau_trophic=1.0,
    )  # fmt: skip
    assert to_numpy(level) == pytest.approx([6, 2, 8, 7])


def test_shallow_feedback_lets_all_coexist_at_the_closed_form_ratio():
    level = settled(0.5)
    assert level.sum() == pytest.approx(6)
    assert level / level[2] == pytest.approx(AFFINITY**2, rel=1e-3)


def test_proportional_feedback_excludes_all_but_the_best():
    assert settled(1.0) == pytest.approx([6, 0, 0], abs=1e-3)


def test_steep_feedback_lets_a_lead_beat_a_better_affinity():
    assert settled(2.0, level=[1.0, 3.0, 1.0]) == pytest.approx([0, 6, 0], abs=1e-3)


@given(st.lists(st.floats(0, 5), min_size=3, max_size=3), st.floats(0, 2), st.floats(0, 5), st.floats(0.01, 20))
def test_the_levels_on_a_target_never_rise_above_its_supply(affinity, steepness, half_uptake, days):
    level = settled(steepness, np.array(affinity), [1.0, 2.0, 3.0], half_uptake, days)
    assert level.sum() <= 6 + 1e-9
    assert (level >= 0).all()


def test_half_the_supply_is_used_when_the_uptake_is_the_half_uptake():
    assert settled(0.0, half_uptake=6.0).sum() == pytest.approx(3)


@pytest.mark.parametrize("steepness", [0.5, 1.0])
def test_two_half_steps_are_nearly_one(steepness):
    half = settled(steepness, level=[1.0, 2.0, 3.0], days=1.5)
    assert settled(steepness, level=half, days=1.5) == pytest.approx(
        settled(steepness, level=[1.0, 2.0, 3.0], days=3.0), rel=0.01
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_starved_die_but_never_the_best_supplied_of_a_target(library):
    xp = pytest.importorskip(library)
    dies = starved(
        xp.asarray([0.1, 0.4, 0.2, 5.0]), xp.asarray([0, 0, 1, 1]), xp.asarray([True, True, True, False]), 3,
        trophic_threshold=0.5,
    )  # fmt: skip
    assert to_numpy(dies).tolist() == [True, False, False, False]


@pytest.mark.parametrize(("supply", "survivors"), [(1.5, 1), (3.2, 2), (8.0, 5)])
def test_more_supply_lets_more_synapses_survive(supply, survivors):
    p = SimpleNamespace(trophic_supply=supply, half_uptake=0.0, steepness=0.0, tau_trophic=2.0, trophic_threshold=1.0)
    proj = projection([0, 1, 2, 3, 4], [0] * 5, w=[1.0, 0.9, 0.8, 0.7, 0.6], trophic=np.full(5, 1.5))
    for _ in range(200):
        proj = TROPHIC.step(proj, activity(days=0.1), p, None)
    assert proj.synapses.alive.sum() == survivors
    assert proj.synapses.alive[:survivors].all()
