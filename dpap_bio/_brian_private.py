"""What surgery needs of Brian2 that Brian2 does not promise, kept here and in `_brian_neurons` and `_brian_condition`.

Seen working on the versions in `SEEN`; on any other, surgery runs its self-test once before it touches anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, pairwise

import brian2
import numpy as np
from brian2.core.base import BrianObject
from brian2.devices.device import RuntimeDevice, get_device
from brian2.groups.group import VariableOwner

SEEN = ("2.9.", "2.10.", "2.11.")


_trusted = brian2.__version__.startswith(SEEN)


def trust_version() -> None:
    """Go on at once on a Brian2 that was seen working; on another one pass the self-test first."""
    global _trusted
    if not _trusted:
        from dpap_bio.surgery import self_test  # which calls prune, which comes here

        _trusted = True
        try:
            self_test()
        except BaseException:
            _trusted = False
            raise


def is_runtime(group) -> bool:
    """Are the arrays of `group` in this process, and is this where the next run happens?"""
    return isinstance(get_device(), RuntimeDevice) and isinstance(group.variables["t"].device, RuntimeDevice)


def living(kind: type[BrianObject]) -> Iterator:
    """Every Brian2 object of a kind that exists in this process, but for those whose construction failed."""
    for reference in list(kind.__instances__()):
        found = reference()
        built = found is not None and "_code_objects" in vars(found)
        if built and (not isinstance(found, VariableOwner) or "_group_attribute_access_active" in vars(found)):
            yield found


def identity(thing) -> object | None:
    """The id by which Brian2 tells its objects apart; None for what has none or is already gone."""
    try:
        return getattr(thing, "id", None)
    except ReferenceError:
        return None


def linked(group) -> str:
    """Names of the linked variables of a group, which point into another group by index."""
    return ", ".join(sorted(vars(group).get("_linked_variables", ())))


# -- events in flight


def read_queue(pathway) -> tuple[np.ndarray, np.ndarray]:
    """Read the events in flight on a pathway, e.g. `S.pre`.

    Arguments
        pathway  SynapticPathway of a runtime Synapses
    Returns
        steps    (n_events,) int64, time steps of the pathway's source   0: delivered when the pathway next runs
        synapse  (n_events,) int64, 1   index of the synapse the event travels on
        Sorted by `steps`; events of one step keep the order in which they will be delivered.
    """
    state = _state(pathway, "read_queue")
    if len(state) == 3:  # the pure Python queue of Brian2 < 2.10: (dt, events, shape)
        events = np.asarray(state[1], dtype=np.int64).reshape(-1, 2)
        order = np.argsort(events[:, 0], kind="stable")
        return events[order, 0], events[order, 1]
    offset, slots = state
    slots = slots[offset:] + slots[:offset]
    steps = np.repeat(np.arange(len(slots), dtype=np.int64), [len(slot) for slot in slots])
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
    state = _state(pathway, "write_queue")
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
    n_slots = int(steps[-1]) + 1 if len(steps) else 1
    if len(state) == 3:
        shape = (max(n_slots, state[2][0]), max(int(np.bincount(steps, minlength=1).max()), state[2][1]))
        dt = pathway.source.clock.dt_ if state[0] is None else state[0]
        pathway.queue.currenttime %= shape[0]
        pathway.queue._restore_from_full_state((dt, np.column_stack([steps, synapse]), shape))
        return
    n_slots = max(n_slots, len(state[1]))  # never shorter: a running queue counts on holding its longest delay
    edges = np.searchsorted(steps, np.arange(n_slots + 1)).tolist()
    synapse = synapse.tolist()
    pathway.queue._restore_from_full_state((0, [synapse[a:b] for a, b in pairwise(edges)]))


def _state(pathway, verb: str) -> tuple:
    if pathway.queue is None:
        raise NotImplementedError(
            f"{verb}: the events of {pathway.name} are in the compiled memory of a standalone device; "
            "call set_device('runtime') before the network is built"
        )
    return pathway.queue._full_state()


# -- columns: one Variable per synapse property, endpoints and heterogeneous delays included


def columns(S) -> list:
    """The Variables that hold one value per synapse."""
    return list(S._registered_variables)


def endpoints(S) -> tuple:
    """The two columns of neuron indices, counted in the whole group even if S connects a subgroup."""
    return S.variables["_synaptic_pre"], S.variables["_synaptic_post"]


def offsets(S) -> tuple[int, int]:
    """Where the source and the target of S start in their whole groups."""
    return int(S.variables["_source_offset"].get_value()), int(S.variables["_target_offset"].get_value())


def delays(S) -> dict:
    """The delay Variable of each pathway by its name; `.scalar` if all synapses share one delay."""
    return {pathway.objname: pathway._delays for pathway in S._pathways}


def pathways(S) -> list:
    return list(S._pathways)


def computed_columns(S) -> set[str]:
    """Names of columns that Brian2 or surgery fills: nobody gives them."""
    computed = {S.multisynaptic_index} if S.multisynaptic_index else set()
    if S.subexpression_updater is not None:  # "constant over dt": lines `name = ...`, run before every use
        computed |= {line.split("=")[0].strip() for line in S.subexpression_updater.abstract_code.splitlines()}
    return computed


def event_driven_names(group) -> set[str]:
    """Variables that Brian2 stores as of the last event, with its time in `lastupdate`."""
    event_driven = getattr(group, "event_driven", None)
    return set(event_driven.diff_eq_names) if event_driven is not None else set()


def write_columns(S, new: Mapping) -> None:
    """Put new columns in place of the old ones, with the counts and contact numbers that follow from them.

    `new` maps every Variable of `columns(S)` to its values; their common length is the new number of synapses.
    Events in flight stay as they are; `restart` must follow, inside a run as well as between two.
    """
    pre, post = endpoints(S)
    n_syn = len(new[pre])
    for variable, values in new.items():
        variable.resize(n_syn)
        variable.get_value()[:] = values
    S.variables["N"].set_value(n_syn)
    S._connect_called = True
    for count, ends, n_neu, offset in zip(
        ("N_outgoing", "N_incoming"), (new[pre], new[post]), ("N_pre", "N_post"), offsets(S), strict=True
    ):
        size = int(S.variables[n_neu].item()) + offset
        S.variables[count].resize(size)
        S.variables[count].get_value()[:] = np.bincount(ends, minlength=size)
    if S.multisynaptic_index:
        S.variables[S.multisynaptic_index].get_value()[:] = _contact_number(new[pre], new[post])


def move_recorded(monitor, new_index: np.ndarray) -> None:
    """Let a StateMonitor go on recording the same synapses (neurons) under their new indices."""
    monitor.record = new_index[monitor.record].astype(np.int32)
    monitor.variables["_indices"].get_value()[:] = monitor.record


def restart(S) -> None:
    """Let pathways and compiled code see the new arrays: a run in progress holds the old ones."""
    for pathway in S._pathways:
        pathway.initialise_queue()
    changed = {id(v) for v in S._registered_variables} | {id(S.variables[n]) for n in ("N", "N_incoming", "N_outgoing")}
    refresh_code(changed)


def refresh_code(changed: set[int]) -> None:
    """Hand every code object that reads a changed Variable (given by id) the Variable's present array."""
    for owner in living(BrianObject):
        for code in owner._code_objects:
            try:
                stale = any(id(variable) in changed for variable in code.variables.values())
            except ReferenceError:  # a code object of an earlier run, already gone
                continue
            if stale:
                code.variables_to_namespace()


def _contact_number(pre, post) -> np.ndarray:
    """0 for the first synapse from a to b, 1 for the second, ... in order of creation."""
    pair = pre.astype(np.int64) * (int(post.max(initial=0)) + 1) + post
    order = np.argsort(pair, kind="stable")
    first = np.flatnonzero(np.diff(pair[order], prepend=-1))
    number = np.arange(len(pair)) - np.repeat(first, np.diff(first, append=len(pair)))
    result = np.empty(len(pair), dtype=np.int64)
    result[order] = number
    return result
