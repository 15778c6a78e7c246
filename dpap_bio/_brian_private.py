"""What surgery needs of Brian2 that Brian2 does not promise, kept in this one file.

Seen working on Brian2 2.9.0, 2.10.1 and 2.11.0; `surgery.self_test()` says whether it works on the one installed.
"""

from __future__ import annotations

from itertools import chain

import numpy as np


def read_queue(pathway) -> tuple[np.ndarray, np.ndarray]:
    """Read the events in flight on a pathway, e.g. `S.pre`.

    Arguments
        pathway  SynapticPathway of a runtime Synapses
    Returns
        steps    (n_events,) int64, time steps of the pathway's source   0: delivered when the pathway next runs
        synapse  (n_events,) int64, 1   index of the synapse the event travels on
        Sorted by `steps`; events of one step keep the order in which they will be delivered.
    """
    state = pathway.queue._full_state()
    if len(state) == 3:  # the pure Python queue of Brian2 < 2.10: (dt, events, shape)
        events = np.asarray(state[1], dtype=np.int64).reshape(-1, 2)
        order = np.argsort(events[:, 0], kind="stable")
        return events[order, 0], events[order, 1]
    offset, slots = state
    slots = slots[offset:] + slots[:offset]
    counts = [len(slot) for slot in slots]
    steps = np.repeat(np.arange(len(slots), dtype=np.int64), counts)
    return steps, np.fromiter(chain.from_iterable(slots), dtype=np.int64, count=len(steps))


def write_queue(pathway, steps, synapse) -> None:
    """Replace the events in flight on a pathway; the counterpart of `read_queue`.

    Arguments
        pathway  SynapticPathway of a runtime Synapses
        steps    (n_events,) int, time steps of the pathway's source   0: deliver when the pathway next runs
        synapse  (n_events,) int, 1   index of the synapse; events of one step are delivered in the order given
    Raises
        ValueError  lengths differ, a step is negative, or an index is not a synapse of the pathway
    """
    steps, synapse = np.asarray(steps, dtype=np.int64), np.asarray(synapse, dtype=np.int64)
    n_syn = len(pathway.synapses)
    if steps.shape != synapse.shape or steps.ndim != 1:
        raise ValueError(
            f"write_queue: {pathway.name} got steps of shape {steps.shape} and synapses of shape {synapse.shape}; "
            "give two 1-d arrays of one length"
        )
    if len(steps) and (steps.min() < 0 or synapse.min() < 0 or synapse.max() >= n_syn):
        raise ValueError(
            f"write_queue: {pathway.name} got steps from {steps.min()} and synapses in "
            f"[{synapse.min()}, {synapse.max()}]; steps start at 0 and synapses lie in [0, {n_syn - 1}]"
        )
    order = np.argsort(steps, kind="stable")
    steps, synapse = steps[order], synapse[order]
    state = pathway.queue._full_state()
    n_slots = int(steps[-1]) + 1 if len(steps) else 1
    if len(state) == 3:
        counts = np.bincount(steps, minlength=1)
        shape = (max(n_slots, state[2][0]), max(int(counts.max()), state[2][1]))
        dt = pathway.source.clock.dt_ if state[0] is None else state[0]
        pathway.queue.currenttime %= shape[0]
        pathway.queue._restore_from_full_state((dt, np.column_stack([steps, synapse]), shape))
        return
    n_slots = max(n_slots, len(state[1]))  # never shorter: a running queue counts on holding its longest delay
    edges = np.searchsorted(steps, np.arange(n_slots + 1)).tolist()
    synapse = synapse.tolist()
    pathway.queue._restore_from_full_state((0, [synapse[a:b] for a, b in zip(edges, edges[1:], strict=False)]))
