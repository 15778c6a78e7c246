from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.rules.grow import GROW, GROW_NO_AUTAPSES, absent_pairs, draw_distinct, free_keys, growth_share

RATE = {"growth_rate": 0.3, "growth_decay": 10.0, "growth_end": 50.0}


def half_full(n=6):
    full = np.arange(n * n)
    return projection(full[::2] // n, full[::2] % n, n_pre=n, n_post=n)


@given(st.floats(0, 60), st.floats(0, 10), st.floats(0, 10))
def test_two_steps_give_birth_to_as_many_as_one(age, first, second):
    left = (1 - growth_share(age, first, **RATE)) * (1 - growth_share(age + first, second, **RATE))
    assert 1 - left == pytest.approx(growth_share(age, first + second, **RATE), abs=1e-12)


def test_growth_fades_and_stops_at_its_end():
    ages = [growth_share(age, 1.0, **RATE) for age in range(60)]
    assert all(a > b for a, b in zip(ages[:50], ages[1:50], strict=False))
    assert ages[50:] == [0] * 10
    assert growth_share(0, 1, growth_rate=0.2877, growth_decay=1e9, growth_end=50) == pytest.approx(0.25, abs=1e-4)


@given(st.sets(st.integers(0, 40)))
def test_free_keys_are_all_keys_that_are_not_taken(taken):
    free = sorted(set(range(41)) - taken)
    assert free_keys(np.array(sorted(taken), int), np.arange(len(free))).tolist() == free


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 99))
def test_distinct_draws_are_distinct_and_as_many_as_asked(n, count, seed):
    count = min(n, count)
    found = draw_distinct(n, count, np.random.default_rng(seed))
    assert len(found) == count == len(set(found.tolist()))
    assert not count or (found.min() >= 0 and found.max() < n)


@pytest.mark.parametrize("count", [2, 5])
def test_every_number_is_drawn_equally_often(count):
    drawn = np.concatenate([draw_distinct(8, count, np.random.default_rng(seed)) for seed in range(4000)])
    assert np.bincount(drawn, minlength=8) == pytest.approx(np.full(8, 4000 * count / 8), rel=0.1)


@given(st.floats(0, 1), st.integers(0, 99), st.booleans())
def test_births_are_new_pairs_of_live_neurons(share, seed, autapses):
    alive = np.array([True, False, True, True, True, True])
    proj = half_full()
    proj = proj.replace_target(alive=alive).ask_births([0, 3], [1, 0])
    pre, post = absent_pairs(proj, share, np.random.default_rng(seed), autapses=autapses)
    born = set(zip(pre.tolist(), post.tolist(), strict=True))
    assert len(born) == len(pre)
    assert not born & set(zip(proj.synapses.pre.tolist(), proj.synapses.post.tolist(), strict=True))
    assert not born & {(0, 1), (3, 0)}
    assert not len(post) or alive[post].all()
    assert autapses or not (pre == post).any()


def test_a_share_of_one_gives_every_absent_pair():
    proj = half_full()
    pre, post = absent_pairs(proj, 1.0, np.random.default_rng(0), autapses=True)
    assert sorted(pre * 6 + post) == list(range(1, 36, 2))
    pre, post = absent_pairs(proj, 1.0, np.random.default_rng(0), autapses=False)
    assert sorted(pre * 6 + post) == [key for key in range(1, 36, 2) if key % 7]


def test_a_pair_whose_synapse_died_is_absent_again():
    proj = projection([0], [0])
    assert absent_pairs(proj, 1.0, np.random.default_rng(0), autapses=True)[0].tolist() == []
    proj = proj.replace(alive=np.array([False]))
    assert absent_pairs(proj, 1.0, np.random.default_rng(0), autapses=True)[0].tolist() == [0]


def test_the_expected_number_of_births_is_the_share_of_the_absent_pairs():
    p = SimpleNamespace(**RATE)
    born = [len(GROW.step(half_full(), activity(), p, np.random.default_rng(seed)).births) for seed in range(2000)]
    wanted = 18 * growth_share(0.0, 1.0, **RATE)
    assert np.mean(born) == pytest.approx(wanted, abs=4 * np.sqrt(wanted / 2000))


def test_a_population_that_projects_to_itself_can_be_kept_from_growing_autapses():
    p = SimpleNamespace(growth_rate=50.0, growth_decay=1e9, growth_end=1e9)
    proj = projection([0], [1], n_pre=2, n_post=2)
    rng = np.random.default_rng(0)
    assert GROW.step(proj, activity(), p, rng).births.post.tolist() == [0, 0, 1]
    assert GROW_NO_AUTAPSES.step(proj, activity(), p, rng).births.post.tolist() == [0]


def test_growth_in_a_large_sparse_projection_needs_no_matrix():
    n = 200_000
    proj = projection([0], [0], n_pre=n, n_post=n)
    pre, _ = absent_pairs(proj, 1e-6, np.random.default_rng(0), autapses=True)
    assert len(pre) == pytest.approx(40_000, rel=0.03)
