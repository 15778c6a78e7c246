"""Selectivity and linear read-out on counts whose answer is known."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpap_bio.measures import lifetime_sparseness, linear_readout, wilson
from dpap_bio.results_read import NotApplicable, TooLittleData

LABEL = np.arange(400) % 10


def poisson(rate, seed=0):
    return np.random.default_rng(seed).poisson(rate)


def steady(rates):
    """Counts without scatter: each class always answered alike, (n_pres, n_neu)."""
    return np.asarray(rates, float)[LABEL]


def test_a_cell_that_answers_one_class_has_sparseness_one_and_one_that_answers_all_alike_zero():
    one, all_ = np.eye(10)[0], np.ones(10)
    assert lifetime_sparseness(steady(np.stack([one, all_], 1)), LABEL) == pytest.approx([1, 0])


def test_a_cell_that_answers_half_of_ten_classes_has_sparseness_five_ninths():
    half = np.repeat([1.0, 0.0], 5)[:, None]
    assert lifetime_sparseness(steady(half), LABEL) == pytest.approx([(1 - 0.5) / (1 - 0.1)])


@given(st.lists(st.floats(0.1, 50), min_size=10, max_size=10), st.floats(0.1, 20))
def test_sparseness_without_scatter_lies_between_0_and_1_and_does_not_depend_on_the_scale(rates, scale):
    rates = np.asarray(rates)[:, None]
    first, scaled = lifetime_sparseness(steady(rates), LABEL)[0], lifetime_sparseness(steady(scale * rates), LABEL)[0]
    assert -1e-9 <= first <= 1 + 1e-9
    assert scaled == pytest.approx(first, abs=1e-9)


def test_chance_scatter_does_not_make_unselective_cells_selective():
    count = poisson(np.full((400, 300), 0.5))
    mean = np.stack([count[c == LABEL].mean(0) for c in range(10)])
    naive = (1 - mean.mean(0) ** 2 / (mean**2).mean(0)) / 0.9
    assert np.nanmean(naive) > 0.04  # the plain formula calls them selective
    assert abs(np.nanmean(lifetime_sparseness(count, LABEL))) < 0.01


def test_permuted_labels_take_selectivity_away():
    tuned = poisson(1 + 4.0 * (LABEL[:, None] == np.arange(100) % 10))
    shuffled = np.random.default_rng(1).permutation(LABEL)
    assert np.mean(lifetime_sparseness(tuned, LABEL)) > 0.3
    assert abs(np.nanmean(lifetime_sparseness(tuned, shuffled))) < 0.02


def test_a_silent_cell_has_no_selectivity():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(lifetime_sparseness(np.zeros((400, 1)), LABEL)).all()


def test_separable_counts_are_read_out_without_error():
    count = 5 * (LABEL[:, None] == np.arange(10)) + poisson(np.full((400, 10), 0.1))
    assert linear_readout(count, LABEL, count, LABEL) == 100


def test_a_small_difference_of_two_cells_that_vary_together_is_read_out():
    def shown(seed):
        rng = np.random.default_rng(seed)
        common, bit = rng.integers(0, 200, 400), np.arange(400) % 2
        return np.stack([common + 8 * bit, common], 1) + rng.poisson(2, (400, 2)), bit

    assert linear_readout(*shown(0), *shown(1)) > 95  # each cell alone, or the class means alone, tell next to nothing


def test_counts_that_tell_nothing_are_read_out_at_chance():
    count, test = poisson(np.full((400, 20), 3.0), 0), poisson(np.full((1000, 20), 3.0), 1)
    assert abs(linear_readout(count, LABEL, test, np.arange(1000) % 10) - 10) < 3  # three binomial deviations


def test_permuted_train_labels_bring_a_good_read_out_to_chance():
    rate = 1 + 2.0 * (LABEL[:, None] == np.arange(40) % 10)
    train, test = poisson(rate, 0), poisson(rate, 1)
    shuffled = np.random.default_rng(2).permutation(LABEL)
    assert linear_readout(train, LABEL, test, LABEL) > 60
    assert linear_readout(train, shuffled, test, LABEL) < 20


def test_the_same_counts_give_the_same_read_out_in_any_order_of_neurons():
    rate = 1 + 1.0 * (LABEL[:, None] == np.arange(40) % 10)
    train, test = poisson(rate, 0), poisson(rate, 1)
    order = np.random.default_rng(3).permutation(40)
    first = linear_readout(train, LABEL, test, LABEL)
    assert linear_readout(train, LABEL, test, LABEL) == first
    assert linear_readout(train[:, order], LABEL, test[:, order], LABEL) == pytest.approx(first, abs=0.5)


def test_a_cell_that_never_fires_changes_nothing():
    rate = 1 + 2.0 * (LABEL[:, None] == np.arange(20) % 10)
    train, test = poisson(rate, 0), poisson(rate, 1)
    silent = np.zeros((400, 1), int)
    assert linear_readout(np.hstack([train, silent]), LABEL, np.hstack([test, silent]), LABEL) == pytest.approx(
        linear_readout(train, LABEL, test, LABEL), abs=0.5)


def test_the_test_probe_has_no_part_in_the_choice_of_the_penalty():
    rate = 1 + 1.0 * (LABEL[:, None] == np.arange(40) % 10)
    train, test = poisson(rate, 0), poisson(rate, 1)
    right = [linear_readout(train, LABEL, test[k : k + 1], LABEL[k : k + 1]) for k in range(20)]
    assert np.mean(right) == pytest.approx(linear_readout(train, LABEL, test[:20], LABEL[:20]))


def test_a_read_out_needs_two_classes_cells_and_five_presentations_of_each():
    count = np.ones((40, 3))
    with pytest.raises(NotApplicable, match="two classes and a neuron"):
        linear_readout(count, np.zeros(40), count, np.zeros(40))
    with pytest.raises(NotApplicable, match="two classes and a neuron"):
        linear_readout(count[:, :0], LABEL[:40], count[:, :0], LABEL[:40])
    with pytest.raises(TooLittleData, match="a class has 4 train presentations"):
        linear_readout(count, LABEL[:40], count, LABEL[:40])


def test_wilson_interval_of_half_of_a_hundred():
    assert wilson(0.5, 100, 1.96) == pytest.approx((0.4038, 0.5962), abs=1e-4)


@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.5, 3))
def test_the_wilson_interval_holds_the_share_and_stays_within_0_and_1(n, right, z):
    low, high = wilson(right, n, z)
    assert -1e-12 <= low <= right + 1e-12
    assert right - 1e-12 <= high <= 1 + 1e-12
