"""Structural plasticity on a clock: prune and grow inside one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from brian2 import Quantity, Synapses, second
from brian2.core.base import BrianObject

from dpap_bio._brian_condition import check_condition
from dpap_bio._surgery_refusals import check_synapses, evaluated
from dpap_bio._surgery_synapses import grow, prune


class Structure(BrianObject):
    """Prune and then grow the synapses of S at every tick of its own clock; add it to the Network.

    Arguments
        S      Synapses, runtime
        prune  str, Brian2 condition as in `surgery.prune`, with the names of the run; or a function S -> (n_syn,) bool
        grow   function S -> dict of arguments for `surgery.grow`, or None for no newborn this time
        dt     time   interval; as with `run_regularly` the first tick is at the start of the run
        when, order, name   as for every Brian2 object
    Attributes
        history  list of (t in s, number pruned, number born), one entry per tick
    Raises
        TypeError, ValueError, NotImplementedError   as prune and grow; a condition is checked when the run starts
    """

    add_to_magic_network = True
    invalidates_magic_network = False  # like a monitor it may join between two runs

    def __init__(
        self,
        S: Synapses,
        prune: str | Callable[[Synapses], np.ndarray] | None = None,
        grow: Callable[[Synapses], Mapping | None] | None = None,
        *,
        dt: Quantity = 1 * second,
        when: str = "end",
        order: int = 0,
        name: str = "structure*",
    ):
        check_synapses(S, "Structure")
        if prune is not None and not isinstance(prune, str) and not callable(prune):
            raise TypeError(f"Structure: prune is a {type(prune).__name__}; give a condition or a function of S")
        if grow is not None and not callable(grow):
            raise TypeError(f"Structure: grow is a {type(grow).__name__}; give a function of S")
        super().__init__(dt=dt, when=when, order=order, name=name)
        self.synapses, self.prune, self.grow = S, prune, grow
        self.history: list[tuple[float, int, int]] = []
        self.add_dependency(S)

    def before_run(self, run_namespace: Mapping) -> None:
        """Keep the names of the run, and check the condition before a step is taken."""
        check_synapses(self.synapses, "Structure")
        self._names = run_namespace
        if isinstance(self.prune, str):
            evaluated(check_condition, self.synapses, self.prune, "Structure", run_namespace)
        super().before_run(run_namespace)

    def run(self) -> None:
        """One tick: prune, then grow."""
        died = born = 0
        if self.prune is not None:
            which = self.prune if isinstance(self.prune, str) else self.prune(self.synapses)
            died = len(prune(self.synapses, which, namespace=self._names))
        newborn = self.grow(self.synapses) if self.grow is not None else None
        if newborn is not None:
            born = len(grow(self.synapses, **newborn))
        self.history.append((float(self.clock.t / second), died, born))
