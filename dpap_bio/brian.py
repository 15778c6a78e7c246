"""One epoch in Brian2: a network goes in, lives for n steps, and comes out; state in and state out.

All Brian2 objects are made anew for each epoch, under fixed names, from plain arrays: nothing recompiles, and N epochs
without structural change equal one long run, bit for bit. What travels: the state of every object (`_state`), so also
`lastspike` and `lastupdate`, the events in flight (`_read`, `_write`) and the absolute step clock.

Equations that reach this file passed the whitelist of `expressions.py`. They must keep to what every backend can run:
one clock, one delay per projection, no randomness, no linked variables, no custom events.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from dpap_bio import units
from dpap_bio._brian_compiling import compiling
from dpap_bio._brian_load import brian2, has_compiler
from dpap_bio._brian_mistakes import told
from dpap_bio.expressions import rename
from dpap_bio.model import LEARNING, Model, Population, Projection
from dpap_bio.network import Network, Table
from dpap_bio.spikes import Spikes

__all__ = ["advance", "brian2", "has_compiler"]
METHOD = "exponential_euler"  # exact for each linear decay, stable for conductances, and known to every backend
Fired = Mapping[str, tuple[np.ndarray, np.ndarray]]


def advance(model: Model, network: Network, stimuli: Mapping[str, Spikes], n_steps: int, *, target: str,
            learning: bool = True) -> tuple[Network, Fired]:
    """Let a network live for `n_steps`.

    Arguments
        model     what the network is made of
        network   its state at step `network.step`
        stimuli   stimulated population -> the spikes of its neurons, n_steps long; one left out is silent
        n_steps   int, step          > 0
        target    "numpy" or "cython"
        learning  bool               False freezes everything that a model multiplies by `learning`
    Returns
        network   the state n_steps later
        fired     population -> ((n_spk,) int step from the start of the epoch, (n_spk,) int neuron)
    Raises
        ValueError                   the equations are wrong: file, population or projection, Brian2's reason
        KeyboardInterrupt            Brian2 stopped early (it returns normally on Ctrl+C: the clock is checked)
    """
    b2 = brian2()
    b2.prefs.codegen.target = target
    with compiling(model.name, target), _older_objects_set_aside():
        return _lived(b2, model, network, stimuli, n_steps, learning)


def _lived(b2, model: Model, network: Network, stimuli: Mapping[str, Spikes], n_steps: int, learning: bool):
    groups, made = _objects(b2, model, network, learning)
    monitors = {n: b2.SpikeMonitor(g, name=f"spikes_{n}") for n, g in groups.items() if n not in stimuli}
    for name, spikes in stimuli.items():
        # half a step late: rounding of the absolute time can then never move a spike to a neighbouring step
        times = (network.step + spikes.step + 0.5) * model.dt
        groups[name].set_spikes(spikes.neuron, times * b2.second, sorted=True)
    parts = (each for objects in made.values() for each in objects if each is not None)
    net = b2.Network(*groups.values(), *parts, *monitors.values())
    net.t_ = network.step * model.dt
    for pathway, object_ in _pathways(made).items():
        if len(events := network.pending.get(pathway, ())):
            _write(object_, events)
    with told(model):
        net.run(n_steps * model.dt * b2.second, namespace={})
    done = round(net.t_ / model.dt) - network.step
    if done != n_steps:
        raise KeyboardInterrupt(f"stopped after {done} of {n_steps} steps of the epoch; the epoch is not counted")
    fired = {n: (np.rint(m.t_ / model.dt).astype(np.int64) - network.step, np.asarray(m.i[:], np.int64))
             for n, m in monitors.items()}
    fired |= {n: (s.step, s.neuron) for n, s in stimuli.items()}
    return _after(model, network, groups, made, n_steps), fired


@contextlib.contextmanager
def _older_objects_set_aside() -> Iterator[None]:
    """Garbage collection that looks at the objects of this epoch only.

    Brian2 collects at the start of each run. Every module is loaded by then, and walking through all they hold takes
    0.2 to 0.4 s, more than the epoch of a small network. What an epoch leaves behind is collected at its end.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()


# -- making Brian2 objects -----------------------------------------------------------------------------------------


def _objects(b2, model: Model, network: Network, learning: bool):
    """The group of each population; of each projection its synapses and, where traces were lifted, what keeps them."""
    clock = b2.Clock(dt=model.dt * b2.second, name="dpap_clock")
    groups, made = {}, {}
    for population in model.populations.values():
        with told(model, f"population {population.name}"):
            groups[population.name] = _group(b2, population, network.neurons[population.name], clock, learning)
    for projection in model.projections.values():
        with told(model, f"projection {projection.name}"):
            made[projection.name] = _synapses(b2, projection, network, groups, clock, learning)
    return groups, made


def _group(b2, population: Population, table: Table, clock, learning: bool):
    if population.stimulated:
        return b2.SpikeGeneratorGroup(len(table), [], [] * b2.second, clock=clock, name=f"population_{population.name}")
    group = b2.NeuronGroup(
        len(table),
        "\n".join(str(e) for e in population.equations),
        threshold=population.threshold,
        reset="\n".join(population.reset) or "",
        refractory=population.refractory or False,
        method=METHOD,
        namespace=_namespace(b2, population.parameters, learning),
        clock=clock,
        name=f"population_{population.name}",
    )
    _put(group, table)
    return group


def _synapses(b2, projection: Projection, network: Network, groups, clock, learning: bool):
    """The synapses of a projection, and where traces were lifted, their group and its identity connection."""
    source, target = groups[projection.source], groups[projection.target]
    namespace = _namespace(b2, projection.parameters, learning)
    table = network.synapses[projection.name]
    common = {"clock": clock, "namespace": namespace}
    main = b2.Synapses(
        source, target, "\n".join(str(e) for e in projection.code.equations),
        on_pre="\n".join(projection.code.on_pre) or None, on_post="\n".join(projection.code.on_post) or None,
        delay=projection.delay * b2.second if projection.code.on_pre else None, method=METHOD,
        name=f"projection_{projection.name}", **common,
    )
    arrival = identity = None
    if projection.arrivals:
        arrival = b2.NeuronGroup(
            len(source), "\n".join(str(t.equation) for t in projection.arrivals), method=METHOD,
            name=f"arrival_{projection.name}", **common,
        )
        held = network.neurons[projection.source]
        _put(arrival, Table({v: held.columns[f"{v}_{projection.name}"] for v in _arrival_names(projection)}))
        lines = [_on_post(t.statement, t.equation.name) for t in projection.arrivals]
        identity = b2.Synapses(source, arrival, on_pre="\n".join(lines), delay=projection.delay * b2.second,
                               name=f"arriving_{projection.name}", **common)
        identity.connect(i=np.arange(len(source)), j=np.arange(len(source)))
        identity.pre.order = 0  # between the synapses' own on_pre (-1) and on_post (1), as in the plain synapse
        for name in _arrival_names(projection):
            main.variables.add_reference(name, arrival, name, "_presynaptic_idx")
    main.connect(i=table.pre, j=table.post) if len(table) else main.connect(condition="False")
    _put(main, table)
    return main, arrival, identity


def _on_post(statement: str, name: str) -> str:
    return rename(statement, {name: f"{name}_post"})


def _arrival_names(projection: Projection) -> list[str]:
    return [t.equation.name for t in projection.arrivals]


def _namespace(b2, parameters, learning: bool) -> dict:
    from brian2.equations.equations import dimensions_and_type_from_string

    out = {LEARNING: 1.0 if learning else 0.0}
    for name, parameter in parameters.items():
        dimensions = dimensions_and_type_from_string(units.brian_base(units.dimension_of(parameter.unit)))[0]
        out[name] = b2.Quantity(parameter.si, dim=dimensions)
    return out


# -- state in, state out -------------------------------------------------------------------------------------------


def _after(model: Model, network: Network, groups, made, n_steps: int) -> Network:
    """The network as the Brian2 objects have it now."""
    neurons = {n: table.replace(**_state(groups[n], table))
               for n, table in network.neurons.items()}
    synapses = {}
    for name, (main, arrival, _) in made.items():
        synapses[name] = network.synapses[name].replace(**_state(main, network.synapses[name]))
        if arrival is not None:
            source = model.projections[name].source
            held = {f"{v}_{name}": _values(arrival, v) for v in _arrival_names(model.projections[name])}
            neurons[source] = neurons[source].replace(**held)
    pending = {pathway: _read(object_) for pathway, object_ in _pathways(made).items()}
    return replace(network, step=network.step + n_steps, neurons=neurons, synapses=synapses, pending=pending)


def _own_array(owner, name: str) -> bool:
    """Whether a column is a state variable of its own of this object (no index, constant, reference or expression)."""
    from brian2.core.variables import ArrayVariable, Subexpression

    variable = owner.variables.get(name)
    if variable is None or isinstance(variable, Subexpression) or not isinstance(variable, ArrayVariable):
        return False
    return variable.owner is not None and variable.owner.name == owner.name and not variable.scalar and name not in (
        "i", "j", "N", "_synaptic_pre", "_synaptic_post", "delay", "N_incoming", "N_outgoing")


def _put(owner, table: Table) -> None:
    for name, column in table.columns.items():
        if _own_array(owner, name):
            owner.variables[name].set_value(np.asarray(column))


def _values(owner, name: str) -> np.ndarray:
    return np.array(owner.variables[name].get_value(), copy=True)


def _state(owner, table: Table) -> dict[str, np.ndarray]:
    """The columns of a table that are variables of a Brian2 object, as they are now."""
    return {n: _values(owner, n) for n in table.columns if _own_array(owner, n)}


def _pathways(made) -> dict[str, object]:
    """The pathways whose events in flight travel: '<projection>.pre', '.post', and '<source>.<projection>'."""
    out = {}
    for name, (main, _, identity) in made.items():
        for side in ("pre", "post"):
            if hasattr(main, side):
                out[f"{name}.{side}"] = getattr(main, side)
        if identity is not None:
            out[f"{identity.source.name.removeprefix('population_')}.{name}"] = identity.pre
    return out


def _read(pathway) -> Table:
    from dpap_bio._brian_private import read_queue

    delay, index = read_queue(pathway)
    return Table({"delay": delay, "index": index})


def _write(pathway, events: Table) -> None:
    from dpap_bio._brian_private import write_queue

    write_queue(pathway, events.delay, events.index)
