"""Measures of what neurons tell about the stimuli of a probe: selectivity, silence, linear read-out."""

from __future__ import annotations

import numpy as np

from dpap_bio import results_read as read
from dpap_bio.results_read import NotApplicable, TooLittleData

_PENALTIES = tuple(10.0**k for k in range(-4, 2))  # C of the read-out, chosen among these on the train probe alone
_FOLDS = 5
_CERTAIN = 10  # neurons below which a mean over neurons is no verdict


def lifetime_sparseness(count, label):
    """Selectivity of each neuron: S = (1 - mean(r)^2 / mean(r^2)) / (1 - 1/n) over its mean responses r to n classes.

    0 for a neuron that answers all classes alike, 1 for one that answers a single class. The chance scatter of the
    class means would add to mean(r^2) and make silent neurons look selective, so its estimate (variance within the
    class over presentations) is taken off both terms; S may then fall a little below 0 or above 1.

    Arguments
        count  (n_pres, n_neu) int  spikes
        label  (n_pres,) int        class of each presentation; each class at least twice
    Returns
        (n_neu,) float, 1           NaN where a neuron has no response beyond chance
    Source
        vinje2000, after treves1991 and rolls1995; the correction for chance is ours
    """
    classes = np.unique(label)
    n = len(classes)
    mean = np.stack([count[label == c].mean(0) for c in classes])
    noise = np.stack([count[label == c].var(0, ddof=1) / np.count_nonzero(label == c) for c in classes])
    squared_mean = mean.mean(0) ** 2 - noise.mean(0) / n
    mean_square = (mean**2).mean(0) - noise.mean(0)
    ratio = np.divide(squared_mean, mean_square, out=np.full(len(mean_square), np.nan), where=mean_square > 0)
    return (1 - ratio) / (1 - 1 / n)


def selectivity(run, arm, seed, *, population, probe, before, after, spikes=30):
    """Selectivity (lifetime sparseness) before and after of the neurons alive at both times, two arrays.

    Only neurons with at least `spikes` spikes in both probes take part: the index of a nearly silent one is noise.
    """
    count0, label0, id0 = read.counts(run, arm, seed, probe, population, before)
    count1, label1, id1 = read.counts(run, arm, seed, probe, population, after)
    if min(len(np.unique(label0)), len(np.unique(label1))) < 2:
        raise NotApplicable(f"probe {probe!r} shows fewer than two classes")
    both, in0, in1 = np.intersect1d(id0, id1, return_indices=True)
    heard = (count0.sum(0)[in0] >= spikes) & (count1.sum(0)[in1] >= spikes)
    first = lifetime_sparseness(count0[:, in0[heard]], label0)
    second = lifetime_sparseness(count1[:, in1[heard]], label1)
    good = np.isfinite(first) & np.isfinite(second)
    return first[good], second[good]


def selectivity_gain(run, arm, seed, *, population, probe, before, after, spikes=30):
    """Mean over neurons of selectivity (lifetime sparseness) after one stage minus after an earlier one.

    Neurons alive at both times with at least `spikes` spikes in both probes.
    """
    first, second = selectivity(run, arm, seed, population=population, probe=probe, before=before, after=after,
                                spikes=spikes)
    if len(first) < _CERTAIN:
        raise TooLittleData(f"{len(first)} neurons of {population} fired at least {spikes} spikes at both times, "
                            f"{_CERTAIN} are wanted")
    return float((second - first).mean())


def silent_share(run, arm, seed, *, population, probe, after=None):
    """The share of living neurons without a single spike in a probe."""
    count, _, _ = read.counts(run, arm, seed, probe, population, after)
    if not count.shape[1]:
        raise NotApplicable(f"no neuron of {population} is left")
    return float((count.sum(0) == 0).mean())


def readout(run, arm, seed, *, population, train, test, after=None):
    """Per cent of a test probe's presentations that a linear read-out of a population's spike counts names rightly.

    `linear_readout` fitted to the train probe.
    """
    sets = [read.counts(run, arm, seed, name, population, after)[:2] for name in (train, test)]
    return linear_readout(*sets[0], *sets[1])


def readout_raw(run, arm, seed, *, train, test, after=None):
    """The same read-out of the spike counts of the input itself: what the network must be compared with."""
    sets = [read.probe(run, arm, seed, name, after) for name in (train, test)]
    return linear_readout(*(values for s in sets for values in (s.input.values, s.label.values)))


def readout_difference(run, arm, *, over, population, train, test, after=None):
    """Read-out of an arm minus that of arm `over`, in points, for every seed that both have: {seed: points}."""
    shared = [seed for seed in read.seeds(run, arm) if seed in read.seeds(run, over)]
    if not shared:
        raise NotApplicable(f"arms {arm} and {over} were not run with the same seed")
    args = {"population": population, "train": train, "test": test, "after": after}
    return {seed: readout(run, arm, seed, **args) - readout(run, over, seed, **args) for seed in shared}


def linear_readout(count, label, test_count, test_label):
    """Per cent right of a standardised multinomial logistic regression, fitted to `count` and asked for `test_count`.

    Counts are standardised with the mean and deviation of the train presentations. The L2 penalty (C = 1e-4 ... 10)
    is the strongest of those best in five-fold stratified cross-validation on the train presentations, taken in their
    order. Nothing is drawn by chance, and one thread does it all, so sums keep their order.

    Arguments
        count, test_count  (n, n_neu) int   spikes of each presentation
        label, test_label  (n,) int         its class
    Returns
        float, %
    Raises
        TooLittleData      a class has fewer than five train presentations, or there are no test presentations
        NotApplicable      there is one class only, or no neuron
    """
    classes, each = np.unique(label, return_counts=True)
    if len(classes) < 2 or not count.shape[1]:
        raise NotApplicable("a read-out needs two classes and a neuron")
    if each.min() < _FOLDS or not len(test_label):
        raise TooLittleData(f"a class has {each.min()} train presentations and there are {len(test_label)} test "
                            f"presentations; {_FOLDS} and 1 are wanted")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        right = [_right_in_folds(c, count, label) for c in _PENALTIES]
        best = _PENALTIES[int(np.argmax(right))]  # the first, so the strongest, of equals
        return float(100 * (_fitted(best, count, label).predict(test_count) == test_label).mean())


def wilson(right: float, n: int, z: float = 1.0) -> tuple[float, float]:
    """The interval of a share `right` of n trials at z standard deviations.

    Source
        wilson1927
    """
    middle, width = right + z**2 / (2 * n), z * np.sqrt(right * (1 - right) / n + z**2 / (4 * n**2))
    return float((middle - width) / (1 + z**2 / n)), float((middle + width) / (1 + z**2 / n))


def _right_in_folds(penalty, count, label) -> int:
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(_FOLDS).split(count, label)
    return sum(int((_fitted(penalty, count[a], label[a]).predict(count[b]) == label[b]).sum()) for a, b in folds)


def _fitted(penalty, count, label):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=5000))
    return model.fit(np.asarray(count, float), label)
