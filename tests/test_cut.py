"""The cut by weight, its control by chance, and the scaling that makes up for the loss."""

import numpy as np
import pytest
import small

from dpap_bio.rules import RULES
from dpap_bio.rules.cut import as_many_by_chance, cut, made_up_for

LIBRARIES = ["numpy", "array_api_strict", "torch"]
POST = [0, 0, 0, 0, 1, 1, 1, 1]
W = [0.0, 0.2, 0.6, 1.0, 0.9, 0.95, 0.8, 0.85]


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_cut_ranks_each_cell_by_itself(library):
    xp = pytest.importorskip(library)
    w, post = xp.asarray(W), xp.asarray(POST)
    kept = cut(w, post, xp.asarray([True] * 8), 2, below=0.51, percentile=0.75, subtract_minimum=True)
    assert [bool(k) for k in kept] == [False, False, True, True, True, True, False, False]


def test_without_subtracting_the_minimum_nearly_equal_weights_are_all_kept():
    kept = cut(np.array(W), np.array(POST), np.full(8, True), 2, below=0.51, percentile=0.75, subtract_minimum=False)
    assert kept[4:].all() and not kept[:2].any()


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_control_keeps_as_many_in_each_cell_and_raises_no_dead(library):
    xp = pytest.importorskip(library)
    rng = np.random.default_rng(1)
    post = np.repeat([1, 0, 2], [30, 10, 20])
    alive = rng.random(60) < 0.8
    kept = alive & (rng.random(60) < 0.4)
    found = as_many_by_chance(xp.asarray(kept), xp.asarray(post), xp.asarray(alive), 3, xp.asarray(rng.random(60)))
    found = np.asarray([bool(x) for x in found])
    assert not (found & ~alive).any()
    assert np.bincount(post[found], minlength=3).tolist() == np.bincount(post[kept], minlength=3).tolist()


def test_the_control_chooses_every_synapse_equally_often():
    rng = np.random.default_rng(2)
    kept, alive, post = np.arange(10) < 3, np.full(10, True), np.zeros(10, int)
    chosen = np.mean([as_many_by_chance(kept, post, alive, 1, rng.random(10)) for _ in range(4000)], axis=0)
    assert chosen == pytest.approx(0.3, abs=0.04)  # 5 standard errors


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_survivors_of_each_cell_become_as_strong_as_all_were(library):
    xp = pytest.importorskip(library)
    post, w, gain = xp.asarray(POST), xp.asarray(W), xp.asarray([2.0] * 8)
    alive = xp.asarray([False, True, True, False, True, True, True, True])
    scaled = made_up_for(gain, w, post, xp.asarray([True] * 8), alive, 2)
    assert [float(s) for s in scaled] == pytest.approx([2 * 1.8 / 0.8] * 4 + [2.0] * 4)


def test_a_cell_that_lost_all_is_left_as_it_is():
    gone = np.full(8, False)
    assert made_up_for(np.ones(8), np.array(W), np.array(POST), ~gone, gone, 2).tolist() == [1.0] * 8


def test_no_cut_is_made_while_the_cut_off_is_zero():
    class p:
        cut_below, percentile, subtract_minimum = 0.0, 0.75, 1.0

    proj = small.projection(list(range(8)), POST, w=W)
    for name in ("cut", "cut_by_chance"):
        after = RULES[name].step(proj, small.activity(), p, np.random.default_rng(0))
        assert after.synapses.alive.all()
