"""What the array API standard lacks and rules need: sums and quantiles by group, ranks, and draws of chance.

Every function works on numpy, torch and any other library that follows the array API standard, and gives back the
library it was given. Chance is always drawn by a numpy Generator and then moved to the library of the data, so that
a run makes the same decisions whoever holds the arrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array, is_torch_array

Array = Any


def sum_by(values: Array, index: Array, n: int) -> Array:
    """Sum the values that share an index: out[k] = sum of values[i] where index[i] == k.

    Arguments
        values  (m,) float        what is summed
        index   (m,) int          group of each value, in 0..n-1
        n       int               number of groups
    Returns
        (n,) float                0 where a group is empty
    Source
        the standard has no scatter-add; where the library has none either, a sorted running sum is differenced,
        which loses about the last digits of a group that is small against the total.
    """
    if is_numpy_array(values):
        return np.bincount(index, weights=values, minlength=n).astype(values.dtype, copy=False)
    xp = array_namespace(values)
    if is_torch_array(values):
        return xp.zeros(n, dtype=values.dtype, device=device(values)).index_add(0, index, values)
    order = xp.argsort(index, stable=True)
    total = xp.concat([xp.zeros(1, dtype=values.dtype), xp.cumulative_sum(xp.take(values, order))])
    edges = xp.searchsorted(xp.take(index, order), xp.arange(n + 1, dtype=index.dtype))
    return xp.take(total, edges[1:]) - xp.take(total, edges[:-1])


def count_by(index: Array, n: int) -> Array:
    """How often each of 0..n-1 occurs in `index`, as floats: (n,)."""
    xp = array_namespace(index)
    return sum_by(xp.ones(index.shape[0], dtype=xp.float64, device=device(index)), index, n)


def quantile(values: Array, q: float) -> Array:
    """The q-quantile (0..1) of (n,) values, n >= 1, with linear interpolation between neighbours; a 0-d array."""
    xp = array_namespace(values)
    place = q * (values.shape[0] - 1)
    low = int(place)
    high = min(low + 1, values.shape[0] - 1)
    ordered = np.partition(values, (low, high)) if is_numpy_array(values) else xp.sort(values)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def quantiles_by(values: Array, index: Array, n: int, qs: tuple[float, ...]) -> list[Array]:
    """The q-quantiles of the values that share an index; `quantile` within each of n groups.

    Arguments
        values  (m,) float        what is ordered
        index   (m,) int          group of each value, in 0..n-1
        n       int               number of groups
        qs      floats, 1         0 is the minimum, 1 the maximum
    Returns
        for each q, (n,) float    nan where a group is empty
    """
    xp = array_namespace(values)
    if not values.shape[0]:
        return [xp.full(n, xp.nan, dtype=values.dtype, device=device(values)) for _ in qs]
    ordered = _sorted_within(values, index, n, qs)
    count = count_by(index, n)
    start, most = xp.cumulative_sum(count) - count, xp.where(count > 0, count - 1, xp.zeros_like(count))
    last, out = values.shape[0] - 1, []
    for q in qs:
        low = xp.floor(q * most)
        high = xp.minimum(low + 1, most)
        below = xp.take(ordered, xp.astype(xp.clip(start + low, 0, last), xp.int64))
        above = xp.take(ordered, xp.astype(xp.clip(start + high, 0, last), xp.int64))
        found = below + xp.astype(q * most - low, values.dtype) * (above - below)
        out.append(xp.where(count > 0, found, xp.full_like(found, xp.nan)))
    return out


def _sorted_within(values: Array, index: Array, n: int, qs: tuple[float, ...]) -> Array:
    """The values group by group, each group as if sorted at the places that its q-quantiles lie at."""
    if is_numpy_array(values):
        counted = index.astype(np.uint16) if n <= 2**16 else index  # numbers of two bytes are sorted without comparing
        ordered = values[np.argsort(counted, kind="stable")]
        ends = np.cumsum(np.bincount(index, minlength=n))
        for first, end in zip([0, *ends[:-1]], ends, strict=True):
            if end > first:
                low = [int(q * (end - first - 1)) for q in qs]
                ordered[first:end].partition([*low, *(min(k + 1, end - first - 1) for k in low)])
        return ordered
    xp = array_namespace(values)
    order = xp.argsort(values, stable=True)
    return xp.take(values, xp.take(order, xp.argsort(xp.take(index, order), stable=True)))


def rank(values: Array, tie: Array | None = None) -> Array:
    """Place of each value in ascending order, 0..n-1; equal values are ordered by `tie` (n,), else by position."""
    xp = array_namespace(values)
    if tie is None:
        order = xp.argsort(values, stable=True)
    else:
        order = xp.argsort(tie, stable=True)
        order = xp.take(order, xp.argsort(xp.take(values, order), stable=True))
    return xp.argsort(order, stable=True)


def largest(values: Array, k: int, among: Array, tie: Array | None = None) -> Array:
    """Mark exactly k of the elements where `among` (n,) bool is True: those with the largest values.

    Arguments
        values  (n,) float        what is compared
        k       int               how many to mark; all of `among` if there are fewer
        among   (n,) bool         who may be marked
        tie     (n,) float        order of equal values (random numbers make it fair); by position if not given
    Returns
        (n,) bool
    """
    xp = array_namespace(values)
    excluded = xp.full_like(values, -xp.inf)
    place = rank(xp.where(among, values, excluded), tie)
    # an eligible -inf must still beat the excluded ones: push the excluded to the front of the order
    place = rank(xp.where(among, place, -1 - place))
    return among & (place >= values.shape[0] - k)


def like(numbers: np.ndarray, other: Array) -> Array:
    """Numpy numbers as an array of the library, dtype kind and device of `other` (floats stay floats, ints int64)."""
    xp = array_namespace(other)
    if numbers.dtype.kind == "f" and xp.isdtype(other.dtype, "real floating"):
        return xp.asarray(numbers, dtype=other.dtype, device=device(other))
    return xp.asarray(numbers, device=device(other))


def to_numpy(values: Array) -> np.ndarray:
    """The values as a numpy array, copied from another device where needed."""
    if is_torch_array(values):
        values = values.detach().cpu()
    return np.asarray(values)
