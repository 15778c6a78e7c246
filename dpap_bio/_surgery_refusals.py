"""What surgery refuses, each in one sentence, before anything is changed."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from brian2 import StateMonitor, Synapses
from brian2.core.base import BrianObject

from dpap_bio import _brian_private as private
from dpap_bio._brian_condition import where


def check_synapses(S: Any, verb: str) -> None:
    """Refuse what is not a runtime Synapses between two groups of neurons."""
    private.trust_version()
    if not isinstance(S, Synapses):
        raise TypeError(f"{verb}: got a {type(S).__name__}, wanted a brian2 Synapses; pass the object itself")
    if not private.is_runtime(S):
        raise NotImplementedError(
            f"{verb}: {S.name} is simulated by a standalone device, which holds it in compiled memory; "
            "call set_device('runtime') before the network is built"
        )
    if isinstance(S.source, Synapses) or isinstance(S.target, Synapses) or found(lambda: _onto(S)):
        raise NotImplementedError(
            f"{verb}: {S.name} takes part in synapses on synapses, whose indices cannot follow; "
            "delete the Synapses that connects to synapses first"
        )
    if private.linked(S):
        raise NotImplementedError(
            f"{verb}: {S.name} has the linked variables {private.linked(S)}, whose index cannot "
            "follow; copy their values into a parameter"
        )


def check_referrers(S: Synapses, gone: np.ndarray, verb: str) -> None:
    """Refuse to drop synapses (n_syn,) that an object outside S would go on pointing at."""
    for monitor in found(lambda: [m for m in monitors_of(S) if gone[m.record].any()]):
        lost = monitor.record[gone[monitor.record]]
        raise ValueError(
            f"{verb}: {monitor.name} records {S.name}[{lost[0]}], which is to go, and a StateMonitor cannot lose "
            "a column; spare that synapse, or copy the data, remove the monitor from the network and delete it"
        )
    if gone.any():
        for other in found(lambda: _holders(S)):
            raise NotImplementedError(
                f"{verb}: {other.name} refers to variables of {S.name} by synapse index, which would change; "
                f"delete {other.name} first"
            )


def mask(group, n: int, which, verb: str, namespace: Mapping) -> np.ndarray:
    """Turn a condition or a boolean array into a (n,) mask."""
    if isinstance(which, str):
        result = np.zeros(n, dtype=bool)
        result[evaluated(where, group, which, verb, namespace)] = True
        return result
    which = np.asarray(which)
    if which.dtype != bool or which.shape != (n,):
        raise TypeError(
            f"{verb}: got {which.dtype} of shape {which.shape} for {group.name}; give a condition or a boolean array "
            f"of shape ({n},), True for what goes"
        )
    return which


def _onto(S) -> list:
    return [o for o in private.living(Synapses) if S.id in (o.source.id, o.target.id)]


def evaluated(how: Callable, group, condition: str, verb: str, namespace: Mapping):
    """Try or evaluate a condition; what Brian2 says against it becomes one sentence."""
    try:
        return how(group, condition, namespace)
    except Exception as error:
        reason = " ".join(str(error.args[0] if error.args else error).split()).rstrip(".")
        raise ValueError(
            f"{verb}: the condition {condition!r} on {group.name} cannot be evaluated: {reason}; write a comparison "
            "of its variables and of names known where it is called"
        ) from error


def monitors_of(S) -> list:
    return [m for m in private.living(StateMonitor) if m.source is S]


def _holders(S) -> list:
    own = {S.id} | {pathway.id for pathway in private.pathways(S)} | {monitor.id for monitor in monitors_of(S)}
    columns = {id(variable) for variable in private.columns(S)}
    return [
        o
        for o in private.living(BrianObject)
        if o.id not in own and any(id(v) in columns for v in vars(o).get("variables", {}).values())
    ]


def found(search: Callable[[], list]) -> list:
    """What is in the way, without what the user has deleted but Python not yet collected."""
    if search():
        gc.collect()
        return search()
    return []
