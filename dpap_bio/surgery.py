"""Structural plasticity for live Brian2 objects, in anybody's own script; see docs/surgery.md."""

from __future__ import annotations

import brian2
import numpy as np

from dpap_bio._brian_private import read_queue, write_queue
from dpap_bio._surgery_neurons import remove_neurons
from dpap_bio._surgery_synapses import grow, prune
from dpap_bio.structure import Structure

__all__ = ["Structure", "grow", "prune", "read_queue", "remove_neurons", "self_test", "write_queue"]


def self_test() -> None:
    """Prune and grow inside a run of a tiny network whose result is known; takes the code generation target in force.

    Raises
        NotImplementedError   Brian2's private parts are not what surgery takes them for
    """
    try:
        found = _tiny_run()
    except Exception as error:
        while error.__cause__ is not None:
            error = error.__cause__
        found = f"{type(error).__name__} ({' '.join(str(error).split())})"
    if found != (18.0, [0, 0, 1], [2.0, 2.0, 1.0]):
        raise NotImplementedError(
            f"self_test: prune and grow inside a run gave {found} on Brian2 {brian2.__version__}, which has changed "
            "inside; use Brian2 2.9 to 2.11, or a dpap_bio that knows this one"
        )


def _tiny_run() -> tuple:
    """Three synapses; the second is pruned with an event in flight, one is born, then all get a spike again."""
    ms, clock = brian2.ms, brian2.Clock(dt=0.1 * brian2.ms)
    source = brian2.SpikeGeneratorGroup(1, [0, 0], [0, 5] * ms, clock=clock, name="selftest_source")
    target = brian2.NeuronGroup(2, "v : 1", clock=clock, name="selftest_target")
    S = brian2.Synapses(
        source,
        target,
        "w : 1\ndrecent/dt = -recent/second : 1 (event-driven)\nhits : 1",
        on_pre="v_post += w; recent += 1; hits += 1",
        clock=clock,
        name="selftest_synapses",
    )
    S.connect(i=0, j=np.zeros(3, dtype=int))
    S.w, S.pre.delay = [1, 2, 4], [0, 2, 2.5] * ms
    at_tick = iter(range(8))
    plan = Structure(
        S,
        prune=lambda S: np.arange(len(S)) == (1 if next(at_tick) == 1 else -1),
        grow=lambda S: {"i": 0, "j": 1, "w": 8, "recent": 0, "hits": 0, "delay": 1 * ms} if len(S) == 2 else None,
        dt=1 * ms,
    )
    brian2.Network(source, target, S, plan).run(8 * ms)
    return float(sum(target.v[:])), S.j[:].tolist(), S.hits[:].tolist()
