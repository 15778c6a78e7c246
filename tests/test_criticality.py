from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import activity, projection

from dpap_bio.arrays import to_numpy
from dpap_bio.rules.criticality import (
    CRITICALITY,
    CRITICALITY_NO_AUTAPSES,
    branching_ratio,
    firing_criticality,
    nearness,
    subsampled_slope,
)

LIBRARIES = ["numpy", "array_api_strict", "torch"]


def driven_branching(m, rate, n_bins, seed=2):
    rng, now = np.random.default_rng(seed), rate
    counts = np.empty(n_bins, int)
    for t in range(n_bins):
        counts[t] = now = rng.poisson(m * now + (1 - m) * rate)
    return counts


@pytest.mark.parametrize("library", LIBRARIES)
def test_nearness_is_one_at_threshold_and_falls_on_both_sides(library):
    xp = pytest.importorskip(library)
    found = to_numpy(nearness(xp.asarray([-50.0, -70.0, -30.0, -60.0]), threshold=-50.0, rest=-70.0))
    assert found[0] == 1
    assert found[1] == pytest.approx(found[2]) == pytest.approx(1 / (1 + np.pi**2))
    assert found[1] < found[3] < 1


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_neuron_that_fires_to_half_of_the_samples_is_most_critical(library):
    xp = pytest.importorskip(library)
    trace = xp.asarray([[0.0, 2.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 3.0, 0.5, 0.0], [0.0, 1.0, 0.0, 0.1]])
    assert to_numpy(firing_criticality(trace)) == pytest.approx([0, 0, 1, 0.75])


@given(st.floats(0.01, 0.99))
def test_firing_criticality_stays_below_the_entropy_by_at_most_a_ninth_of_a_bit(p):
    entropy = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    assert 0 <= entropy - 4 * p * (1 - p) < 0.11


@pytest.mark.parametrize(("m", "k_max", "tolerance"), [(0.9, 30, (0.01, 0.01, 0.03)), (0.99, 200, (3e-3, 3e-3, 3e-3))])
def test_the_branching_ratio_is_found_although_few_spikes_are_seen(m, k_max, tolerance):
    counts, rng = driven_branching(m, 1000, 100_000), np.random.default_rng(3)
    for share, near in zip((1.0, 0.1, 0.01), tolerance, strict=True):
        seen = rng.binomial(counts, share)
        found, b = branching_ratio(seen, k_max)
        assert found == pytest.approx(m, abs=near)
        assert b * found == pytest.approx(subsampled_slope(m, share), abs=0.03)


@pytest.mark.parametrize(("m", "slopes"), [(0.9, [0.900, 0.332, 0.045, 0.005]), (0.99, [0.990, 0.840, 0.333, 0.047])])
def test_the_one_step_slope_falls_with_the_share_of_spikes_seen(m, slopes):
    assert [subsampled_slope(m, share) for share in (1, 0.1, 0.01, 0.001)] == pytest.approx(slopes, abs=1e-3)


def test_shuffled_counts_show_no_branching_worth_the_name():
    counts = np.random.default_rng(0).permutation(driven_branching(0.9, 1000, 20_000))
    m, b = branching_ratio(counts, 20)
    assert abs(m * b) < 0.05


def test_counts_that_cannot_be_judged_are_refused():
    with pytest.raises(ValueError, match="too little"):
        branching_ratio(np.ones(1000), 10)
    with pytest.raises(ValueError, match="too little"):
        branching_ratio(np.arange(10), 10)


def regrow(quota=None, regrown=0.5, probed=1.0, rule=CRITICALITY, seed=0):
    proj = projection([0, 0, 1, 1], [0, 1, 0, 1], n_pre=4, n_post=4, w=[0.4, -0.3, 0.2, 0.1])
    post = [[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]  # neurons 1 and 2 are undecided
    p = SimpleNamespace(regrown_share=regrown, probed_share=probed)
    return rule.step(proj, activity(post=post, quota=quota), p, np.random.default_rng(seed))


def test_the_budget_is_kept_whatever_share_is_regrown():
    for regrown in (0.0, 0.25, 0.5):
        for quota in (None, 3, 2):
            after = regrow(quota, regrown)
            assert after.synapses.alive.sum() + len(after.births) == (4 if quota is None else quota)


def test_the_smallest_weights_go_and_critical_targets_get_the_newborn():
    after = regrow()
    assert after.synapses.alive.tolist() == [True, True, False, False]
    assert set(after.births.post.tolist()) <= {1, 2}


def test_newborn_of_equal_criticality_are_spread_by_chance():
    found = {tuple(regrow(seed=seed).births.pre.tolist()) for seed in range(30)}
    assert len(found) > 5


def test_no_autapse_is_born_where_none_is_allowed():
    for seed in range(20):
        born = regrow(rule=CRITICALITY_NO_AUTAPSES, seed=seed).births
        assert not (born.pre == born.post).any()
