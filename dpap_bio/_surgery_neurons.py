"""Remove neurons of a live Brian2 `NeuronGroup`, with every synapse they have."""

from __future__ import annotations

import gc
from collections.abc import Mapping

import numpy as np
from brian2 import EventMonitor, NeuronGroup, PopulationRateMonitor, StateMonitor, Subgroup, Synapses
from brian2.core.base import BrianObject

from dpap_bio import _brian_neurons as brian_neurons
from dpap_bio import _brian_private as private
from dpap_bio._brian_condition import local_names
from dpap_bio._brian_neurons import root
from dpap_bio._surgery_refusals import check_referrers, check_synapses, mask
from dpap_bio._surgery_synapses import drop_synapses


def remove_neurons(
    G: NeuronGroup, which: str | np.ndarray, *, namespace: Mapping | None = None, level: int = 0
) -> np.ndarray:
    """Remove neurons and all synapses from and to them; the others move up and keep their order.

    Arguments
        G          NeuronGroup, runtime   changed in place; inside a run or between two
        which      str or (n_neu,) bool   a Brian2 condition on G, or a mask: True is removed
        namespace  names the condition may use; by default those at the call
        level      int, 1   how many calls further up to look for them
    Returns
        (n_removed,) int, 1   indices the removed neurons had
    Raises
        TypeError, ValueError, NotImplementedError   before anything was changed, see docs/surgery.md
    """
    _check_group(G)
    gone = mask(G, len(G), which, "remove_neurons", local_names(level) if namespace is None else namespace)
    if not gone.any():
        return np.flatnonzero(gone)
    gc.collect()  # so that nothing the user has deleted stands in the way
    parts = [s for s in private.living(Subgroup) if root(s) == G.id]
    attached = [S for S in private.living(Synapses) if G.id in (root(S.source), root(S.target))]
    lost = {S: _lost(S, G, gone) for S in attached}
    monitors = [m for kind in (StateMonitor, EventMonitor, PopulationRateMonitor) for m in private.living(kind)]
    monitors = [m for m in monitors if root(m.source) == G.id]
    _check_code(G, parts, attached)
    _check_attached(G, lost)
    _check_neurons(G, gone, parts, monitors)
    _check_holders(G, parts, attached, monitors)
    _remove(G, gone, parts, lost, monitors)
    return np.flatnonzero(gone)


# -- private


def _remove(G, gone, parts, lost, monitors) -> None:
    new_index = np.where(gone, -1, np.cumsum(~gone) - 1)
    kept = {m: np.flatnonzero(~_part(m.source, gone)) for m in monitors}
    records = [
        (m, _part(m.source, new_index) - (~gone[: _start(m.source)]).sum())
        for m in monitors
        if isinstance(m, StateMonitor)
    ]
    brian_neurons.shrink_group(G, np.flatnonzero(~gone), new_index)
    for part in parts:
        start, stop = int((~gone[: part.start]).sum()), int((~gone[: part.stop]).sum())
        brian_neurons.shrink_subgroup(part, start, stop, len(G))
    for S, dead in lost.items():
        drop_synapses(S, dead, [new_index if root(end) == G.id else None for end in (S.source, S.target)])
    for monitor, index in records:
        private.move_recorded(monitor, index)
    for monitor in monitors:
        if not isinstance(monitor, StateMonitor):
            brian_neurons.follow_source(monitor, kept[monitor], len(G))
    private.refresh_code({id(v) for o in (G, *parts, *lost, *monitors) for v in o.variables.values()})


def _start(group) -> int:
    return group.start if isinstance(group, Subgroup) else 0


def _part(group, per_neuron: np.ndarray) -> np.ndarray:
    return per_neuron[group.start : group.stop] if isinstance(group, Subgroup) else per_neuron


def _lost(S, G, gone) -> np.ndarray:
    dead = np.zeros(len(S), dtype=bool)
    for end, variable in zip((S.source, S.target), private.endpoints(S), strict=True):
        if root(end) == G.id:
            dead |= gone[variable.get_value()]
    return dead


def _check_group(G) -> None:
    private.trust_version()
    if type(G) is not NeuronGroup:
        raise TypeError(f"remove_neurons: got a {type(G).__name__}, wanted a brian2 NeuronGroup; pass the whole group")
    if not private.is_runtime(G):
        raise NotImplementedError(
            f"remove_neurons: {G.name} is simulated by a standalone device, which holds it in compiled memory; "
            "call set_device('runtime') before the network is built"
        )
    if private.linked(G):
        raise NotImplementedError(
            f"remove_neurons: {G.name} has the linked variables {private.linked(G)}, whose index "
            "cannot follow; copy their values into a parameter"
        )


def _check_code(G, parts, attached) -> None:
    for group in (G, *parts, *attached):
        names = {"i"}
        if isinstance(group, Synapses):
            ends = ((group.source, {"i", "i_pre"}), (group.target, {"j", "i_post"}))
            names = set().union(*(n for end, n in ends if root(end) == G.id))
        for name in sorted(names & brian_neurons.names_in_code(group)):
            raise NotImplementedError(
                f"remove_neurons: the code of {group.name} uses the neuron index {name}, which would "
                "change its meaning; give the neurons a parameter and use that"
            )


def _check_attached(G, lost) -> None:
    for S, dead in lost.items():
        check_synapses(S, "remove_neurons")
        check_referrers(S, dead, "remove_neurons")
        for updater in S.summed_updaters.values():
            if brian_neurons.running() and root(updater.target) == G.id:
                raise NotImplementedError(
                    f"remove_neurons: {updater.name} sums into {G.name} and its code counts the neurons; "
                    "remove neurons between two runs"
                )


def _check_neurons(G, gone, parts, monitors) -> None:
    for group in (G, *parts):
        if _part(group, gone).all():
            raise ValueError(
                f"remove_neurons: no neuron of {group.name} would be left, and a Brian2 group has at least one; "
                "spare one, or build the network without it"
            )
    for monitor in monitors:
        if isinstance(monitor, StateMonitor):
            dead = monitor.record[_part(monitor.source, gone)[monitor.record]]
            if len(dead):
                raise ValueError(
                    f"remove_neurons: {monitor.name} records neuron {dead[0]}, which is to go, and a StateMonitor "
                    "cannot lose a column; spare it, or copy the data, and delete the monitor, in the network too"
                )
        elif isinstance(monitor, EventMonitor) and monitor.record and monitor.variables["N"].item():
            raise ValueError(
                f"remove_neurons: {monitor.name} holds events under the present indices, which would change their "
                "meaning; copy the data, remove the monitor from the network, delete it and add a new one"
            )


def _check_holders(G, parts, attached, monitors) -> None:
    known = {o.id for o in (G, *parts, *attached, *monitors)} | {p.id for S in attached for p in private.pathways(S)}
    columns = {id(v) for v in brian_neurons.neuron_columns(G)}
    for other in private.living(BrianObject):
        variables = vars(other).get("variables", {})
        if other.id not in known and any(id(v) in columns for v in variables.values()):
            raise NotImplementedError(
                f"remove_neurons: {other.name} refers to variables of {G.name} by neuron index, which removing neurons "
                f"changes; delete {other.name} first"
            )
