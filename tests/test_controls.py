import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules import RULES
from dpap_bio.rules.controls import keep_best

LIBRARIES = ["numpy", "array_api_strict", "torch"]
CONTROLS = ["random", "smallest_weight", "least_active_target", "least_active_source"]


def run(name, proj, quota, seed=0, **firing):
    proj = RULES[name].step(proj, activity(**firing, quota=quota), None, np.random.default_rng(seed))
    return proj.synapses.alive


def some_projection():
    return projection([0, 0, 1, 1, 2], [0, 1, 0, 1, 0], w=[0.5, 0.1, 0.9, 0.2, 0.3])


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_best_live_synapses_are_kept(library):
    xp = pytest.importorskip(library)
    value, alive = xp.asarray([4.0, 3.0, 2.0, 1.0]), xp.asarray([False, True, True, True])
    tie = xp.asarray([0.1, 0.2, 0.3, 0.4])
    assert to_numpy(keep_best(value, alive, 2, tie)).tolist() == [False, True, True, False]


@given(st.lists(st.booleans(), min_size=1), st.integers(0, 40))
def test_exactly_the_quota_is_kept_even_if_all_are_equal(alive, quota):
    alive = np.array(alive)
    tie = np.random.default_rng(0).random(len(alive))
    assert keep_best(np.zeros(len(alive)), alive, quota, tie).sum() == min(quota, alive.sum())


@pytest.mark.parametrize("name", CONTROLS)
def test_every_control_meets_the_quota_and_does_nothing_without_one(name):
    traces = {"pre": np.ones((1, 3)), "post": np.ones((1, 2))}
    assert run(name, some_projection(), 3, **traces).sum() == 3
    assert run(name, some_projection(), None, **traces).all()


def test_no_control_prunes_nothing_whatever_the_quota():
    assert run("none", some_projection(), 0).all()


def test_the_smallest_weights_go_first_whatever_their_sign():
    proj = some_projection().replace(w=np.array([-0.5, 0.1, 0.9, -0.2, 0.3]))
    assert run("smallest_weight", proj, 2).tolist() == [True, False, True, False, False]


def test_the_least_active_end_loses_its_synapses():
    traces = {"pre": [[1.0, 9.0, 5.0]], "post": [[2.0, 7.0]]}
    assert run("least_active_target", some_projection(), 2, **traces).tolist() == [False, True, False, True, False]
    assert run("least_active_source", some_projection(), 3, **traces).tolist() == [False, False, True, True, True]


def test_random_pruning_is_fair_and_repeats_with_the_seed():
    kept = sum(run("random", some_projection(), 2, seed=seed).astype(int) for seed in range(2000))
    assert kept == pytest.approx(np.full(5, 2000 * 2 / 5), rel=0.1)
    assert (run("random", some_projection(), 2, seed=7) == run("random", some_projection(), 2, seed=7)).all()


def test_a_negative_quota_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        run("random", some_projection(), -1)
