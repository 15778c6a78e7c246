"""Minimal-value deletion: exact curves against known integrals, the memory against the curves, wrong rules fail."""

import math

import numpy as np
import pytest

from dpap_bio.experiments import EXPERIMENTS, find_experiment
from dpap_bio.experiments.minimal_value_deletion import (
    dpap_importance,
    gain_fixed_number,
    gain_fixed_strength,
    hebbian,
    keep_largest,
    kept_clipped,
    kept_minimal,
    optimum,
    signal_to_noise,
)  # fmt: skip
from dpap_bio.kind_experiment import load


def test_no_deletion_leaves_all_and_clipping_two_over_pi():
    assert kept_minimal(1.0) == pytest.approx(1) and kept_clipped(1.0) == pytest.approx(2 / math.pi)


@pytest.mark.parametrize("density", [0.5, 0.2, 0.1, 0.05])
def test_the_exact_curve_is_the_integral_over_a_normal_weight(density):
    z = np.sort(np.abs(np.random.default_rng(0).standard_normal(2_000_000)))
    kept = z[round((1 - density) * len(z)):]
    assert kept_minimal(density) == pytest.approx((kept**2).sum() / len(z), abs=2e-3)


def test_the_optimum_keeps_a_fifth_and_at_fixed_strength_just_under_half():
    fine = np.exp(np.linspace(math.log(0.02), math.log(0.9), 2001))
    assert optimum(fine, np.array([gain_fixed_number(c) for c in fine])) == pytest.approx((0.2055, 1.4532), abs=2e-4)
    assert optimum(fine, np.array([gain_fixed_strength(c) for c in fine])) == pytest.approx((0.452, 1.042), abs=2e-3)


def test_an_optimum_at_the_end_of_the_curve_is_the_end():
    assert optimum(np.array([0.1, 0.5, 1.0]), np.array([0.1, 0.5, 1.0])) == (1.0, 1.0)


def test_a_mask_keeps_the_share_that_was_asked_for_even_among_equals():
    mask = keep_largest(np.ones((20, 20)), 0.25, np.random.default_rng(0))
    assert mask.sum() == round(0.25 * 380) and not mask.diagonal().any()


def test_deleting_the_largest_or_by_chance_is_worse_than_deleting_the_smallest():
    rng = np.random.default_rng(1)
    patterns = rng.choice([-1.0, 1.0], (41, 300))
    w = hebbian(patterns)
    left = [signal_to_noise(w * keep_largest(by, 0.2, rng), patterns) / signal_to_noise(w, patterns)
            for by in (np.abs(w), rng.random(w.shape), -np.abs(w))]
    assert left[0] == pytest.approx(kept_minimal(0.2), abs=0.05) and left[1] == pytest.approx(0.2, abs=0.05)
    assert left[2] < 0.1


def test_the_centred_score_ranks_synapses_as_the_size_of_hebbian_weights_and_the_raw_score_does_not():
    patterns = np.random.default_rng(2).choice([-1.0, 1.0], (101, 200))
    w, off = np.abs(hebbian(patterns)), ~np.eye(200, dtype=bool)
    options = {"presentations": 20, "within_neuron": True}
    centred, raw = (dpap_importance(patterns, centred=c, **options)[off] for c in (True, False))
    assert np.corrcoef(centred, w[off])[0, 1] > 0.95 > 0.3 > np.corrcoef(raw, w[off])[0, 1]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_protocol_of_each_experiment_loads_at_both_sizes_and_judges_what_the_experiment_gives(name):
    for size in ("full", "quick"):
        protocol = load(name, size=size)
        assert {c.args["of"] for c in protocol.criteria} <= set(protocol.scalars())
        assert any(c.must_fail_in for c in protocol.criteria)


def test_a_misspelt_experiment_is_told_the_likely_one():
    with pytest.raises(ValueError, match="did you mean 'spine_turnover'"):
        find_experiment("spine_turnovr")
