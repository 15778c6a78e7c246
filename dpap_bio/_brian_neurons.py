"""Take neurons out of a Brian2 NeuronGroup and let all that counts neurons follow; part of the Brian2 adapter."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from brian2 import Network, NeuronGroup, Subgroup
from brian2.codegen.translation import get_identifiers_recursively
from brian2.core.variables import ArrayVariable
from brian2.devices.device import get_device
from brian2.groups.group import CodeRunner

from dpap_bio import _brian_private as private


def root(group):
    """The id of the whole group that a group or subgroup belongs to."""
    return private.identity(group.source if isinstance(group, Subgroup) else group)


def neuron_columns(G: NeuronGroup) -> list[ArrayVariable]:
    """The Variables of G itself that hold one value per neuron, spike lists included."""
    return [
        v
        for v in G.variables.values()
        if isinstance(v, ArrayVariable) and not v.scalar and private.identity(v.owner) == G.id
    ]


def running() -> bool:
    """Were we called from inside a run? Brian2's own mark of it outlives a run that raised."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_code.co_name == "run" and isinstance(frame.f_locals.get("self"), Network):
            return True
        frame = frame.f_back
    return False


def code_of(group) -> Iterator[str]:
    """All text Brian2 runs for a group (not the code of its monitors, and only what is known before a run)."""
    yield from (str(eq.expr) for eq in (getattr(group, "equations", None) or {}).values() if eq.expr is not None)
    yield from (str(eq.expr) for eq in (getattr(group, "event_driven", None) or {}).values() if eq.expr is not None)
    yield from (str(u.expression) for u in getattr(group, "summed_updaters", {}).values())
    if isinstance(group, NeuronGroup):
        yield from (*group.events.values(), *group.event_codes.values())
    yield str(getattr(group, "_refractory", ""))
    for runner in private.living(CodeRunner):
        if private.identity(getattr(runner, "group", None)) == group.id:
            yield from (c for c in (getattr(runner, "abstract_code", None), getattr(runner, "code", None)) if c)


def names_in_code(group) -> set[str]:
    """Every identifier in the code of a group, subexpressions followed."""
    return get_identifiers_recursively([c for c in code_of(group) if isinstance(c, str)], group.variables)


def shrink_group(G: NeuronGroup, kept: np.ndarray, new_index: np.ndarray) -> None:
    """Keep the neurons `kept` (old indices) of G; `new_index` maps old to new, -1 for removed."""
    n_old, n = len(G), len(kept)
    for variable in neuron_columns(G):
        old = variable.get_value()
        if len(old) == n_old + 1:  # an event list: neuron indices, and their number in the last place
            events = new_index[old[: old[-1]]]
            events = events[events >= 0]
            new = np.zeros(n + 1, dtype=old.dtype)
            new[: len(events)], new[-1] = events, len(events)
        else:
            new = np.arange(n, dtype=old.dtype) if variable is G.variables["i"] else old[kept]
        _replace(variable, new)
    G.variables["N"].value = G._N = G.stop = n


def shrink_subgroup(group: Subgroup, start: int, stop: int, n_source: int) -> None:
    """Let a subgroup stand for the neurons [start, stop) of the smaller group."""
    group.start, group.stop, group._N = start, stop, stop - start
    group.variables["N"].value = stop - start
    group.variables["_source_N"].value = n_source
    if "_offset" in group.variables:
        group.variables["_offset"].value = start
    _replace(group.variables["_sub_idx"], np.arange(start, stop, dtype=group.variables["_sub_idx"].dtype))


def follow_source(monitor, kept: np.ndarray, n_whole: int) -> None:
    """Let a spike or rate monitor count the neurons its source still has; `kept` are old indices in that source."""
    start = getattr(monitor.source, "start", 0)
    for name, value in (("_source_start", start), ("_source_stop", start + len(kept)), ("_source_N", n_whole)):
        if name in monitor.variables:
            monitor.variables[name].value = value
    if "count" in monitor.variables:
        _replace(monitor.variables["count"], monitor.variables["count"].get_value()[kept])
        _replace(monitor.variables["_source_idx"], np.arange(len(kept), dtype=monitor.variables["_source_idx"].dtype))


def renew_queues(S) -> None:
    """Give every pathway an empty queue for the present range of its source, and tell compiled code."""
    for pathway in private.pathways(S):
        source = pathway.source
        pathway.spikes_start, pathway.spikes_stop = source.start, source.stop
        pathway.queue = get_device().spike_queue(source.start, source.stop)
        objects = {"_queue": pathway.queue}
        if "_queue_capsule" in pathway.variables:  # Brian2 >= 2.10
            objects["_queue_capsule"] = pathway.queue.get_capsule()
        for name, value in objects.items():
            pathway.variables.add_object(name, value)
        for code in (pathway._pushspikes_codeobj, pathway.codeobj):
            if code is not None:
                code.variables.update((name, value) for name, value in objects.items() if name in code.variables)
                code.variables_to_namespace()  # from 2.10 on compiled code points at the old queue's memory
    for updater in S.summed_updaters.values():
        updater.template_kwds["_target_start"] = getattr(updater.target, "start", 0)
        updater.template_kwds["_target_stop"] = getattr(updater.target, "stop", -1)


def _replace(variable: ArrayVariable, values: np.ndarray) -> None:
    variable.device.arrays[variable] = values
    variable.size = len(values)
