"""One epoch in a compiled program: the same contract as the runtime backend, without Brian2 in the loop.

Brian2 writes the statements, once per model; the program around them takes any sizes, any synapse list and any
parameter values, so nothing is compiled again when synapses or neurons die, are born, or a parameter is swept. State
goes in and out through memory: columns, events in flight, the absolute clock, spikes.

An event-driven variable with pure decay is stored as of one base time for all synapses (`lastupdate` says so) and read
through one factor: no exponential per event. The base moves on at fixed steps of the absolute clock, so that where
epochs begin does not show.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from dpap_bio._standalone_events import NONE, by_step, in_flight
from dpap_bio._standalone_interface import Layout
from dpap_bio._standalone_library import compiler, key, library
from dpap_bio._standalone_limits import check, fading, structure, without_decay
from dpap_bio.model import LEARNING, Model
from dpap_bio.network import Network, Table
from dpap_bio.spikes import Spikes, of_all

SPAN = 20.0  # a base lasts so many of its decay constants: e^-20 is far from underflow, and the base seldom moves
CHUNK = 500  # steps between two looks at Ctrl+C


def advance(model: Model, network: Network, stimuli: Mapping[str, Spikes], n_steps: int, *, learning: bool = True
            ) -> tuple[Network, Mapping[str, tuple[np.ndarray, np.ndarray]]]:
    """Let a network live for `n_steps`; arguments (but the target) and returns as `brian.advance`.

    Raises
        ValueError   there is no compiler; the model is one that this backend cannot run; its equations are wrong
    """
    if compiler() is None:
        raise ValueError("backend cpp_standalone needs a C++ compiler and found none: install g++, set CXX, "
                         "or use --backend runtime")
    check(model, network)
    stimuli = of_all(stimuli, model, network, n_steps)
    slopes = fading(model)
    made, layout = _program(model, network, slopes)
    clock = {name: _Base.of(slope.values(), model.dt, network.step) for name, slope in slopes.items()}
    world = _World(made, layout, model, network, n_steps, learning, slopes, clock)
    try:
        world.open(stimuli)
        for done in range(0, n_steps, CHUNK):
            made.dpap_run(world.handle, min(CHUNK, n_steps - done))
        return world.after(stimuli)
    finally:
        world.close()


def _program(model: Model, network: Network, slopes):
    def make():
        from dpap_bio._standalone_code import statements
        from dpap_bio._standalone_interface import layout
        from dpap_bio._standalone_source import source

        code = statements(without_decay(model, slopes), network)
        given = layout(code, {f"projection_{n}": tuple(s) for n, s in slopes.items()})
        return source(code, given), given

    return library(key([structure(model), sorted((n, sorted(s)) for n, s in slopes.items())]), make, model.name)


class _Base:
    """As of which step fading variables are stored, and every how many steps that moves on."""

    def __init__(self, every: int, step: int):
        self.every, self.step = every, step // every * every

    @classmethod
    def of(cls, slopes, dt: float, step: int):
        fastest = max((-s for s in slopes), default=0.0)
        return cls(max(1, round(SPAN / (fastest * dt))) if fastest else 2**40, step)


class _World:
    """One epoch's memory: arrays that go in, kept alive while the program runs, and what comes out."""

    def __init__(self, made, layout: Layout, model: Model, network: Network, n_steps: int, learning: bool, slopes,
                 clock: Mapping[str, _Base]):
        self.made, self.layout, self.model, self.network, self.n_steps = made, layout, model, network, n_steps
        self.learning, self.slopes, self.clock = learning, slopes, clock
        self.handle = None
        self.delays = {name: _delay(model, name) for name in layout.synapses}

    def open(self, stimuli: Mapping[str, Spikes]) -> None:
        """Hand over sizes, parameters and columns in the order of the layout."""
        numbers, arrays = [], []
        for group in self.layout.groups:
            table = self._neurons(group)
            longest = max((d for n, d in self.delays.items() if self.layout.synapses[n][0] == group), default=0)
            numbers += [len(table), longest + 1]
            arrays += [self._column(table, group, *column) for column in self.layout.columns[group]]
            if group in self.layout.inputs:
                spikes = stimuli[_population(group)]
                arrays += [np.searchsorted(spikes.step, np.arange(self.n_steps + 1)).astype(np.int64),
                           spikes.neuron.astype(np.int32)]
        for name in self.layout.synapses:
            pre, post, table = self._synapses(name)
            start, pending = by_step(self.network.pending.get(_pathway(self.layout, name), NONE))
            base = self.clock.get(_own(name)) if name in self.layout.fading else None
            numbers += [len(pre), self.delays[name], len(start) - 1, *((base.every, base.step) if base else (1, 0))]
            arrays += [pre.astype(np.int32), post.astype(np.int32), start, pending]
            arrays += [self._column(table, name, *column) for column in self.layout.columns[name]]
        self.numbers, self.arrays = np.array(numbers, np.int64), [np.ascontiguousarray(a) for a in arrays]
        self.parameters = np.array([self._parameter(*each) for each in self.layout.parameters] or [0.0])
        self.handle = self.made.dpap_open(self.model.dt, self.network.step, self.parameters.ctypes.data,
                                          self.numbers.ctypes.data, _pointers(self.arrays))

    def close(self, out=None) -> None:
        if self.handle is not None:
            self.made.dpap_close(self.handle, out)
            self.handle = None

    def after(self, stimuli: Mapping[str, Spikes]):
        """The network after the epoch and what fired in it."""
        groups = {k: g for k, g in enumerate(self.layout.groups) if g.startswith("population_")}
        fired = {_population(g): self._fired(k) for k, g in groups.items()}
        fired |= {name: (s.step, s.neuron) for name, s in stimuli.items()}
        bases = {n: self.made.dpap_base(self.handle, k) for k, n in enumerate(self.layout.synapses)}
        owners = [*self.layout.groups, *self.layout.synapses]
        out = {o: {n: np.empty(self._length(o), dtype) for n, dtype in self.layout.columns[o]} for o in owners}
        self.close(_pointers([column for columns in out.values() for column in columns.values()]))
        return self._network(out, bases, fired), fired

    # -- parts of the above

    def _neurons(self, group: str) -> Table:
        """The table that a group's columns are in, under the names that they have in the group."""
        if not group.startswith("arrival_"):
            return self.network.neurons[_population(group)]
        projection = self.model.projections[group.removeprefix("arrival_")]
        held = self.network.neurons[projection.source]
        return Table({"id": held.id, **{t.equation.name: held.columns[f"{t.equation.name}_{projection.name}"]
                                        for t in projection.arrivals}})

    def _synapses(self, name: str):
        if name.startswith("arriving_"):
            each = np.arange(self._length(self.layout.synapses[name][0]))
            return each, each, Table({"id": each})
        table = self.network.synapses[_own(name)]
        return table.pre, table.post, table

    def _length(self, owner: str) -> int:
        return len(self._neurons(owner)) if owner in self.layout.groups else len(self._synapses(owner)[0])

    def _column(self, table: Table, owner: str, variable: str, dtype: str) -> np.ndarray:
        """A column of the network, or what Brian2 starts a variable with that no table holds."""
        if variable not in table:
            start = {"not_refractory": np.ones, "i": None}.get(variable, np.zeros)
            return np.arange(len(table), dtype=dtype) if start is None else start(len(table), dtype)
        column = np.asarray(table.columns[variable], dtype)
        if variable not in self.layout.fading.get(owner, ()):
            return column
        since = self.clock[_own(owner)].step * self.model.dt - table.lastupdate
        moved = np.flatnonzero(since)
        if len(moved):
            column = column.copy()
            column[moved] *= np.exp(self.slopes[_own(owner)][variable] * since[moved])
        return column

    def _parameter(self, owner: str, name: str) -> float:
        if name.startswith("slope of "):
            return self.slopes[_own(owner)][name.removeprefix("slope of ")]
        if name == LEARNING:
            return float(self.learning)
        group = owner.startswith("population_")
        owners = self.model.populations if group else self.model.projections
        return owners[owner.partition("_")[2]].parameters[name].si

    def _fired(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        step, neuron = ctypes.POINTER(ctypes.c_int32)(), ctypes.POINTER(ctypes.c_int32)()
        n = self.made.dpap_fired(self.handle, k, ctypes.byref(step), ctypes.byref(neuron))
        if not n:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return tuple(np.ctypeslib.as_array(each, (n,)).astype(np.int64) for each in (step, neuron))

    def _network(self, out, bases, fired) -> Network:
        neurons, synapses, pending = dict(self.network.neurons), dict(self.network.synapses), {}
        for group in self.layout.groups:
            population, suffix = _population(group), ""
            if group.startswith("arrival_"):
                projection = self.model.projections[group.removeprefix("arrival_")]
                population, suffix = projection.source, f"_{projection.name}"
            kept = {n + suffix: c for n, c in out[group].items() if n + suffix in neurons[population]}
            neurons[population] = neurons[population].replace(**kept)
        for name, (source, _) in self.layout.synapses.items():
            pathway = _pathway(self.layout, name)
            before = self.network.pending.get(pathway, NONE)
            pending[pathway] = in_flight(before, fired[_population(source)], self._synapses(name)[0],
                                         self.delays[name], self.n_steps)
            if name.startswith("projection_"):
                table = synapses[_own(name)]
                kept = {n: c for n, c in out[name].items() if n in table}
                if name in self.layout.fading:
                    kept["lastupdate"] = np.full(len(table), bases[name] * self.model.dt)
                synapses[_own(name)] = table.replace(**kept)
                if self.model.projections[_own(name)].code.on_post:
                    pending[f"{_own(name)}.post"] = NONE
        return replace(self.network, step=self.network.step + self.n_steps, neurons=neurons, synapses=synapses,
                       pending=pending)


def _population(group: str) -> str:
    return group.removeprefix("population_")


def _own(synapses: str) -> str:
    return synapses.partition("_")[2]


def _pathway(layout: Layout, synapses: str) -> str:
    """The key of events in flight in a network, as the runtime backend has it."""
    if synapses.startswith("projection_"):
        return f"{_own(synapses)}.pre"
    return f"{_population(layout.synapses[synapses][0])}.{_own(synapses)}"


def _delay(model: Model, synapses: str) -> int:
    return int(model.projections[_own(synapses)].delay / model.dt + 0.5)


def _pointers(arrays):
    return (ctypes.c_void_p * max(1, len(arrays)))(*(a.ctypes.data for a in arrays))
