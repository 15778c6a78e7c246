"""Events in flight between two epochs, as lists of synapses; within an epoch they are the neurons that fired."""

from __future__ import annotations

import numpy as np

from dpap_bio.network import Table


def events(delay, index) -> Table:
    """Events due in `delay` steps from now on the synapses `index`."""
    return Table({"delay": np.asarray(delay, np.int64), "index": np.asarray(index, np.int64)})


NONE = events([], [])


def by_step(pending: Table) -> tuple[np.ndarray, np.ndarray]:
    """Events in flight by the step they are due in: where each step's begin, and their synapses, in order."""
    if not len(pending):
        return np.zeros(1, np.int64), np.empty(0, np.int32)
    order = np.argsort(pending.delay, kind="stable")
    delay = pending.delay[order]
    start = np.searchsorted(delay, np.arange(int(delay[-1]) + 2))
    return start.astype(np.int64), pending.index[order].astype(np.int32)


def in_flight(before: Table, fired, pre: np.ndarray, delay: int, n_steps: int) -> Table:
    """Events under way when an epoch of `n_steps` ends.

    Arguments
        before   those that were under way when it began
        fired    (n_spk,) int step, (n_spk,) int neuron: the spikes of the source in the epoch
        pre      (n_syn,) int   source of each synapse, sorted
        delay    int, step
    """
    late = before.delay >= n_steps
    step, neuron = fired
    recent = step + delay >= n_steps
    due, neuron = step[recent] + delay - n_steps, neuron[recent]
    first, end = np.searchsorted(pre, neuron), np.searchsorted(pre, neuron, side="right")
    n = end - first
    each = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)
    return events(np.concatenate([before.delay[late] - n_steps, np.repeat(due, n)]),
                  np.concatenate([before.index[late], each]))
