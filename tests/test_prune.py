from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules.prune import PRUNE_NEURONS, PRUNE_SYNAPSES, survivors

LIBRARIES = ["numpy", "array_api_strict", "torch"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_reserve_below_zero_is_death_and_zero_is_not(library):
    xp = pytest.importorskip(library)
    reserve, alive = xp.asarray([-0.1, 0.0, 3.0]), xp.asarray([True, True, True])
    assert to_numpy(survivors(reserve, alive, keep_at_least=1)).tolist() == [False, True, True]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_last_ones_stay_those_with_most_reserve(library):
    xp = pytest.importorskip(library)
    reserve, alive = xp.asarray([-3.0, -1.0, -2.0, 5.0]), xp.asarray([True, True, True, False])
    assert to_numpy(survivors(reserve, alive, keep_at_least=2)).tolist() == [False, True, True, False]


@given(st.lists(st.tuples(st.floats(-5, 5), st.booleans()), min_size=1), st.integers(0, 5))
def test_pruning_never_revives_and_never_takes_more_than_allowed(units, keep):
    reserve, alive = np.array([u[0] for u in units]), np.array([u[1] for u in units])
    left = survivors(reserve, alive, keep_at_least=keep)
    assert not (left & ~alive).any()
    assert left.sum() >= min(keep, alive.sum())
    assert (left | (reserve < 0) | ~alive).all()


def test_pruning_synapses_leaves_neurons_that_lost_their_last_one_alive():
    proj = projection([0, 1], [0, 1], reserve=[-1.0, 1.0])
    after = PRUNE_SYNAPSES.step(proj, activity(), SimpleNamespace(keep_synapses=0), None)
    assert after.synapses.alive.tolist() == [False, True]
    assert after.target.alive.all()


def test_a_dead_neuron_takes_its_afferent_synapses_with_it():
    proj = projection([0, 1, 2], [0, 1, 0], target={"reserve_neuron": [-1.0, 1.0]})
    after = PRUNE_NEURONS.step(proj, activity(), SimpleNamespace(keep_neurons=1), None)
    assert after.target.alive.tolist() == [False, True]
    assert after.synapses.alive.tolist() == [False, True, False]


def test_a_layer_is_never_emptied():
    proj = projection([0, 1], [0, 1], target={"reserve_neuron": [-1.0, -0.5]})
    after = PRUNE_NEURONS.step(proj, activity(), SimpleNamespace(keep_neurons=1), None)
    assert after.target.alive.tolist() == [False, True]
