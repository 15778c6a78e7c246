"""Prune and grow synapses of a live Brian2 `Synapses` object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from brian2 import DimensionMismatchError, Quantity, Synapses, second
from brian2.units.fundamentalunits import DIMENSIONLESS, fail_for_dimension_mismatch, get_dimensions, get_unit

from dpap_bio import _brian_private as private
from dpap_bio._brian_condition import local_names
from dpap_bio._brian_neurons import renew_queues
from dpap_bio._surgery_refusals import check_referrers, check_synapses, mask, monitors_of

MAX_SYNAPSES = 2**31 - 1  # Brian2 counts synapses in int32


def prune(S: Synapses, which: str | np.ndarray, *, namespace: Mapping | None = None, level: int = 0) -> np.ndarray:
    """Remove synapses, with all their variables and the events in flight on them.

    Arguments
        S          Synapses, runtime   changed in place; inside a run or between two
        which      str or (n_syn,) bool   a Brian2 condition as in `S.w["w < 0.05"]`, or a mask: True is pruned. In a
                   condition event-driven variables have their value of now, not of the last event
        namespace  names the condition may use; by default those at the call
        level      int, 1   how many calls further up to look for them
    Returns
        (n_pruned,) int, 1   indices the pruned synapses had; the others move up and keep their order
    Raises
        TypeError, ValueError, NotImplementedError   before anything was changed, see docs/surgery.md
    """
    check_synapses(S, "prune")
    gone = mask(S, len(S), which, "prune", local_names(level) if namespace is None else namespace)
    check_referrers(S, gone, "prune")
    if gone.any():
        drop_synapses(S, gone)
    return np.flatnonzero(gone)


def grow(S: Synapses, *, i, j, delay=None, **state) -> np.ndarray:
    """Add synapses; they act from the next spike on.

    Arguments
        S      Synapses, runtime   changed in place; inside a run or between two
        i, j   int or (n_new,) int, 1   source and target, counted as in `S.connect(i=..., j=...)`
        delay  time, scalar or (n_new,), of the pathway "pre", or {pathway: time}. Only for pathways with a delay per
               synapse; if left out it is 0 s where all living synapses have 0 s, else it must be given
        state  every variable of the synapse, scalar or (n_new,), with its unit. `lastupdate` may be left out: now
    Returns
        (n_new,) int, 1   indices of the newborn: the last ones
    Raises
        TypeError, ValueError, NotImplementedError   before anything was changed, see docs/surgery.md
    """
    check_synapses(S, "grow")
    i, j = _ends(S, i, j)
    old, n_new = len(S), len(i)
    if old + n_new > MAX_SYNAPSES:
        raise ValueError(f"grow: {S.name} would have {old + n_new} synapses; Brian2 holds at most {MAX_SYNAPSES}")
    newborn = dict(zip(private.endpoints(S), (i, j), strict=True))
    newborn |= _delays(S, delay, n_new) | _state(S, state, n_new)
    if n_new:
        new = {}
        for variable in private.columns(S):
            new[variable] = np.empty(old + n_new, dtype=variable.dtype)
            new[variable][:old] = variable.get_value()
            new[variable][old:] = newborn[variable]
        private.write_columns(S, new)
        private.restart(S)
    return np.arange(old, old + n_new)


# -- shared with remove_neurons


def drop_synapses(S: Synapses, gone: np.ndarray, new_neuron: Sequence[np.ndarray | None] = (None, None)) -> None:
    """Remove the synapses in the mask `gone` (n_syn,); all checks have passed.

    `new_neuron` gives for source and target the new index of each old neuron, where neurons were removed.
    """
    kept, new_index = np.flatnonzero(~gone), np.cumsum(~gone) - 1
    new = {variable: variable.get_value()[kept] for variable in private.columns(S)}
    events = {pathway: private.read_queue(pathway) for pathway in private.pathways(S)}
    renumbered = [
        (end, index) for end, index in zip(private.endpoints(S), new_neuron, strict=True) if index is not None
    ]
    for end, index in renumbered:
        new[end] = index[new[end]]
    private.write_columns(S, new)
    if renumbered:
        renew_queues(S)
    for pathway, (steps, synapse) in events.items():
        alive = ~gone[synapse]
        private.write_queue(pathway, steps[alive], new_index[synapse[alive]])
    for monitor in monitors_of(S):
        private.move_recorded(monitor, new_index)
    private.restart(S)


# -- private


def _ends(S, i, j) -> list[np.ndarray]:
    ends = []
    for name, index, group, offset in zip("ij", (i, j), (S.source, S.target), private.offsets(S), strict=True):
        index = np.asarray(index)
        index = index.astype(int) if not index.size else index
        if index.dtype.kind not in "iu" or index.ndim > 1:
            raise TypeError(
                f"grow: {name} is {index.dtype} of shape {index.shape}; give a neuron index or a 1-d array of them"
            )
        if index.size and (index.min() < 0 or index.max() >= len(group)):
            raise ValueError(
                f"grow: {name} reaches from {index.min()} to {index.max()}; "
                f"{group.name} has neurons 0 to {len(group) - 1}"
            )
        ends.append(np.atleast_1d(index).astype(np.int32) + np.int32(offset))
    try:
        return [np.array(end) for end in np.broadcast_arrays(*ends)]
    except ValueError:
        raise ValueError(
            f"grow: i has {len(ends[0])} entries and j has {len(ends[1])}; give one of each per synapse"
        ) from None


def _delays(S, delay, n_new: int) -> dict:
    given = dict(delay) if isinstance(delay, Mapping) else {} if delay is None else {"pre": delay}
    variables = private.delays(S)
    for name in given:
        if name not in variables:
            raise ValueError(
                f"grow: {S.name} has no pathway {name!r} to delay; it has {', '.join(variables) or 'none'}"
            )
        if variables[name].scalar:
            raise ValueError(
                f"grow: all synapses of {S.name}.{name} share one delay of "
                f"{Quantity(variables[name].get_value()[0], dim=second.dim)}; leave out the delay of the newborn"
            )
    newborn = {}
    for name, variable in variables.items():
        if variable.scalar:
            continue
        if name not in given and variable.get_value().any():
            raise ValueError(
                f"grow: living synapses have delays on {S.name}.{name}; "
                f"give the newborn theirs, delay={{{name!r}: ...}}"
            )
        newborn[variable] = _value(S, f"{name}.delay", variable, given.get(name, 0 * second), n_new)
        if not np.all((newborn[variable] >= 0) & np.isfinite(newborn[variable])):
            raise ValueError(f"grow: a delay on {S.name}.{name} is negative or not finite; give times from 0 s")
    return newborn


def _state(S, given: Mapping, n_new: int) -> dict:
    filled = set(private.endpoints(S)) | set(private.delays(S).values())
    variables = {v.name: v for v in private.columns(S) if v not in filled}
    newborn = {variables.pop(name): 0 for name in private.computed_columns(S) if name in variables}
    if private.event_driven_names(S):
        given = {"lastupdate": S.t[:], **given}
    unknown, missing = sorted(set(given) - set(variables)), sorted(set(variables) - set(given))
    if unknown:
        raise ValueError(
            f"grow: {', '.join(unknown)} is not a variable that newborn synapses of {S.name} can be given; "
            f"they have {', '.join(sorted(variables)) or 'none'}"
        )
    if missing:
        raise ValueError(
            f"grow: newborn synapses of {S.name} have no value for {', '.join(missing)}; give each one, "
            f"e.g. {missing[0]}=..."
        )
    return newborn | {v: _value(S, name, v, given[name], n_new) for name, v in variables.items()}


def _value(S, name: str, variable, value, n_new: int) -> np.ndarray:
    try:
        if not isinstance(value, str):
            fail_for_dimension_mismatch(value, variable.dim)
    except DimensionMismatchError:
        raise TypeError(
            f"grow: {S.name}.{name} got a value in {_unit(get_dimensions(value))}; give it in {_unit(variable.dim)}"
        ) from None
    value = np.asarray(value)
    if not np.can_cast(value.dtype, variable.dtype, "same_kind"):
        raise TypeError(
            f"grow: {S.name}.{name} holds {np.dtype(variable.dtype)}, got {value.dtype}; give numbers of that kind, "
            f"or set a string afterwards by the indices that grow returns"
        )
    if value.shape not in ((), (1,), (n_new,)):
        raise ValueError(
            f"grow: {S.name}.{name} got shape {value.shape} for {n_new} newborn synapses; give one value "
            "or one for each"
        )
    return value


def _unit(dimensions) -> str:
    return "1 (no unit)" if dimensions is DIMENSIONLESS else str(get_unit(dimensions))
