import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpap_bio.arrays import largest, like, quantile, quantiles_by, rank, sum_by, to_numpy

LIBRARIES = ["numpy", "array_api_strict", "torch"]
FINITE = st.floats(-100, 100, allow_subnormal=False)


def draw(n=200, groups=7, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.integers(0, groups - 1, n), groups  # the last group is empty


@pytest.mark.parametrize("library", LIBRARIES)
def test_sums_by_group_equal_a_loop_and_empty_groups_sum_to_zero(library):
    xp = pytest.importorskip(library)
    values, index, n = draw()
    found = sum_by(xp.asarray(values), xp.asarray(index), n)
    assert to_numpy(found) == pytest.approx([values[index == k].sum() for k in range(n)], abs=1e-12)
    assert float(found[n - 1]) == 0


@pytest.mark.parametrize("library", LIBRARIES)
def test_sum_by_keeps_the_library_and_the_precision_of_the_values(library):
    xp = pytest.importorskip(library)
    found = sum_by(xp.asarray([1.0, 2.0], dtype=xp.float32), xp.asarray([1, 1]), 2)
    assert found.dtype == xp.float32
    assert type(found) is type(xp.asarray([1.0]))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("q", [0.0, 0.1, 0.75, 1.0])
def test_quantile_is_numpys_linear_quantile(library, q):
    xp = pytest.importorskip(library)
    values, _, _ = draw(n=101)
    assert float(quantile(xp.asarray(values), q)) == pytest.approx(np.quantile(values, q))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("q", [0.0, 0.3, 0.75, 1.0])
def test_quantile_by_group_is_numpys_quantile_of_each_group(library, q):
    xp = pytest.importorskip(library)
    values, index, n = draw()
    found, among = (to_numpy(quantiles_by(xp.asarray(values), xp.asarray(index), n, qs)[0])
                    for qs in ((q,), (q, 0.9, 0.0, 0.41)))
    assert np.array_equal(found, among, equal_nan=True)
    assert found[:-1] == pytest.approx([np.quantile(values[index == k], q) for k in range(n - 1)])
    assert np.isnan(found[-1])


@given(st.lists(FINITE, min_size=1, max_size=30))
def test_ranks_are_a_permutation_that_sorts(values):
    place = rank(np.array(values))
    assert sorted(place) == list(range(len(values)))
    assert np.array_equal(np.array(values)[np.argsort(place)], np.sort(values))


def test_equal_values_are_ranked_by_the_tie():
    assert list(rank(np.array([1.0, 1.0, 0.0]), np.array([5.0, 4.0, 9.0]))) == [2, 1, 0]


@pytest.mark.parametrize("library", LIBRARIES)
def test_largest_marks_exactly_k_of_those_allowed(library):
    xp = pytest.importorskip(library)
    values = xp.asarray([3.0, 9.0, -float("inf"), 5.0, 1.0])
    among = xp.asarray([True, False, True, True, True])
    assert list(to_numpy(largest(values, 2, among))) == [True, False, False, True, False]
    assert list(to_numpy(largest(values, 4, among))) == [True, False, True, True, True]
    assert list(to_numpy(largest(values, 9, among))) == [True, False, True, True, True]
    assert not to_numpy(largest(values, 0, among)).any()
    lowest, second = xp.asarray([-float("inf"), 7.0]), xp.asarray([True, False])
    assert list(to_numpy(largest(lowest, 1, second))) == [True, False]


@pytest.mark.parametrize("library", LIBRARIES)
def test_numbers_take_the_library_and_float_type_of_the_other(library):
    xp = pytest.importorskip(library)
    found = like(np.array([0.25]), xp.asarray([1.0], dtype=xp.float32))
    assert found.dtype == xp.float32
    assert like(np.array([3]), xp.asarray([1.0])).dtype == xp.int64
