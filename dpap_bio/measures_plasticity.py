"""Measures of experiments on plasticity: the change of each condition's weight, against data or what was computed.

A change is relative: the weight at the end over the weight before, minus 1, the mean over the copies of a condition.
`since` names a stage after which "before" is; without it, it is birth. `among` and `equals` pick the conditions in
which a column has a value, `condition` picks one by its name. Where a column has nan, nothing was published.
"""

from __future__ import annotations

import numpy as np

from dpap_bio import conditions
from dpap_bio import results_read as read
from dpap_bio.results_read import NotApplicable, TooLittleData


def changes(run, arm, seed, projection, since=None):
    """The relative change of the weight in each condition, and its standard error over copies (0 where there is one).

    Returns
        (n,) float, 1   mean change
        (n,) float, 1   standard error
    """
    shown = conditions.of_run(run)
    lives = read.table(run, arm, seed, f"synapses_{projection}")
    last = read.epochs(run, arm, seed, "snapshots")[-1]
    after = _in_order(read.snapshot(run, arm, seed, projection, last))
    before = lives.w_birth.values[np.argsort(lives.pre.values)] if since is None else _in_order(
        read.snapshot(run, arm, seed, projection, _end_of(run, arm, seed, since)))
    copies = int(shown.copies.values[0])
    if len(after) != len(before) or len(after) != copies * shown.sizes["condition"]:
        raise NotApplicable(f"projection {projection} does not hold one synapse for each condition and copy")
    change = (after / before - 1).reshape(-1, copies)
    error = change.std(1, ddof=1) / copies**0.5 if copies > 1 else np.zeros(len(change))
    return change.mean(1), error


def curve(run, arm, seed, projection, along, since=None, among=None, equals=None):
    """Changes along a column of the conditions, sorted by it: (n,) column, (n,) change, (n,) standard error."""
    shown = conditions.of_run(run)
    change, error = changes(run, arm, seed, projection, since)
    kept = np.full(len(change), True) if among is None else shown[among].values == equals
    if not kept.any():
        raise NotApplicable(f"in no condition is {among} {equals:g}")
    x = shown[along].values[kept]
    order = np.argsort(x, kind="stable")
    return x[order], change[kept][order], error[kept][order]


def change_at(run, arm, seed, *, projection, condition, since=None):
    """The change in one condition."""
    return float(changes(run, arm, seed, projection, since)[0][_index(run, condition)])


def change_difference(run, arm, seed, *, projection, condition, minus, since=None):
    """The change in one condition minus that in another."""
    change, _ = changes(run, arm, seed, projection, since)
    return float(change[_index(run, condition)] - change[_index(run, minus)])


def largest_error(run, arm, seed, *, projection, against, since=None, among=None, equals=None):
    """The largest distance of a change from a column of the conditions."""
    change, wanted = _beside(run, arm, seed, projection, (against,), since, among, equals)
    return float(np.abs(change - wanted).max())


def fit_error(run, arm, seed, *, projection, data, sem, among=None, equals=None):
    """The mean over conditions of ((change - data) / sem)^2, both columns of the conditions.

    Source
        pfister2006
    """
    change, wanted, error = _beside(run, arm, seed, projection, (data, sem), None, among, equals)
    return float((((change - wanted) / error) ** 2).mean())


def explained(run, arm, seed, *, projection, data, sem, times=2.0, among=None, equals=None):
    """The number of conditions whose change lies within `times` standard errors of the data."""
    change, wanted, error = _beside(run, arm, seed, projection, (data, sem), None, among, equals)
    return float((np.abs(change - wanted) <= times * error).sum())


def in_bands(run, arm, seed, *, projection, low, high, since=None, among=None, equals=None):
    """The number of conditions whose change lies between two columns of the conditions."""
    change, lowest, highest = _beside(run, arm, seed, projection, (low, high), since, among, equals)
    return float(((change >= lowest) & (change <= highest)).sum())


def off_theory(run, arm, seed, *, projection, theory, share=0.08, errors=3.0, since=None):
    """The number of conditions whose change a second is off a column by more than a share of it and `errors` SE."""
    change, error = changes(run, arm, seed, projection, since)
    wanted = conditions.of_run(run)[theory].values * _seconds(run, since)
    off = np.abs(change - wanted)  # nan, which is never larger, where theory gives no number
    return float(((off > share * np.abs(wanted)) & (off > errors * error)).sum())


def state_error(run, arm, seed, *, projection, variable, against):
    """The largest distance of a variable of the synapses at the end, the mean over copies, from a column."""
    shown = conditions.of_run(run)
    last = read.snapshot(run, arm, seed, projection, read.epochs(run, arm, seed, "snapshots")[-1])
    if variable not in last:
        raise NotApplicable(f"the synapses of {projection} have no {variable!r}")
    value = last[variable].values[np.argsort(last.pre.values)].reshape(shown.sizes["condition"], -1).mean(1)
    return float(np.abs(value - shown[against].values).max())


def window_error(run, arm, seed, *, projection, along, pairs):
    """The largest distance from the window in closed form, with the parameters in force, after isolated pairs.

    a_plus exp(-lag / tau_plus) for a lag (post after pre) of 0 and more, -a_minus exp(lag / tau_minus) below, in units
    of w_max, a pair. At lag 0 the presynaptic spike acts first, so the post spike finds the whole trace.
    """
    lag, change, _ = curve(run, arm, seed, projection, along)
    p = {n: read.parameter(run, n)[0] for n in ("a_plus", "a_minus", "tau_plus", "tau_minus", "w_max")}
    wanted = np.where(lag >= 0, p["a_plus"] * np.exp(-np.abs(lag) / p["tau_plus"]),
                      -p["a_minus"] * np.exp(-np.abs(lag) / p["tau_minus"])) * p["w_max"] * pairs
    return float(np.abs(change - wanted).max())


def window_decay(run, arm, seed, *, projection, along, side):
    """The decay constant, in the column's unit, of a straight line through log |change| on one side of lag 0.

    `side` is 1 for lags above 0, -1 for lags below it.
    """
    return -1 / _log_line(run, arm, seed, projection, along, side)[0]


def window_height(run, arm, seed, *, projection, along, side):
    """The change that the line of `window_decay` has at lag 0, with its sign."""
    _, height, sign = _log_line(run, arm, seed, projection, along, side)
    return sign * float(np.exp(height))


def zero_crossing(run, arm, seed, *, projection, along, since=None, among=None, equals=None):
    """Where the change turns from depression to potentiation, between two conditions on a straight line.

    0 where nothing depresses, the highest condition where nothing potentiates: no such rule has a threshold between.
    """
    x, change, _ = curve(run, arm, seed, projection, along, since, among, equals)
    turns = np.flatnonzero((change[:-1] < 0) & (change[1:] >= 0))
    if not len(turns):
        return 0.0 if change[0] >= 0 else float(x[-1])
    k = turns[0]
    return float(x[k] - change[k] * (x[k + 1] - x[k]) / (change[k + 1] - change[k]))


def crossing_ratio(run, arm, seed, *, projection, along, among, equals, over, since=None):
    """The `zero_crossing` of the conditions with one value of a column, over that of those with another."""
    first, second = (zero_crossing(run, arm, seed, projection=projection, along=along, since=since, among=among,
                                   equals=value) for value in (equals, over))
    if second == 0:
        raise NotApplicable(f"nothing depresses where {among} is {over:g}")
    return first / second


def lowest_at(run, arm, seed, *, projection, along, since=None, among=None, equals=None):
    """Where depression is deepest: the vertex of the parabola through the conditions that depress, least squares."""
    x, change, _ = curve(run, arm, seed, projection, along, since, among, equals)
    depressed = change < 0
    if np.count_nonzero(depressed) < 3:
        raise TooLittleData(f"{np.count_nonzero(depressed)} conditions depress, 3 are wanted")
    a, b, _ = np.polyfit(x[depressed], change[depressed], 2)
    return float(-b / (2 * a))


def _beside(run, arm, seed, projection, columns, since, among, equals) -> list[np.ndarray]:
    """The changes and some columns in the conditions that have a number in each (nan is none)."""
    shown = conditions.of_run(run)
    values = [changes(run, arm, seed, projection, since)[0], *(shown[name].values for name in columns)]
    kept = np.isfinite(values).all(0) & (True if among is None else shown[among].values == equals)
    if not kept.any():
        raise NotApplicable(f"no condition has a number in {' and '.join(columns)}")
    return [v[kept] for v in values]


def _log_line(run, arm, seed, projection, along, side):
    """Slope and height of the line through log |change|, and the sign of the changes."""
    lag, change, _ = curve(run, arm, seed, projection, along)
    on = np.sign(lag) == side
    if np.count_nonzero(on) < 2 or len(set(np.sign(change[on]))) != 1 or not change[on].all():
        raise NotApplicable(f"the changes on side {side:g} of lag 0 are not all of one sign")
    slope, height = np.polyfit(np.abs(lag[on]), np.log(np.abs(change[on])), 1)
    return float(slope), float(height), float(np.sign(change[on][0]))


def _in_order(rows) -> np.ndarray:
    return rows.w.values[np.argsort(rows.pre.values)]


def _index(run, condition: str) -> int:
    names = conditions.of_run(run).condition.values.astype(str).tolist()
    if condition not in names:
        raise NotApplicable(f"there is no condition {condition!r}; there are {', '.join(names)}")
    return names.index(condition)


def _end_of(run, arm, seed, stage: str) -> int:
    stages = read.table(run, arm, seed, "summary").stage
    return int(stages.epoch.values[stages.values.astype(str) == stage][-1])


def _seconds(run, since) -> float:
    """Simulated seconds of the stages after one, or of all."""
    stages = run["stages"].to_dataset()
    first = 0 if since is None else stages.stage.values.astype(str).tolist().index(since) + 1
    return float((stages.seconds.values * stages.epochs.values)[first:].sum())
