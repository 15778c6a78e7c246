"""What is alive now: frozen columns of equal length, with ids that last for life.

A `Network` holds one `Table` of neurons per population and one `Table` of synapses per projection. Synapses are
sorted by (pre, creation). Rules never see the whole network: they get a `Projection`, the synapses between two
populations and the neurons at both ends, and give one back. A rule marks (`alive`), `Network.compact` removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

Array = Any  # numpy in the simulator, torch on the deep side: both speak the array API


class Table:
    """Named columns of one length, frozen. `table.w` is the column `w`.

    Arguments
        columns  name -> (n,) array   all of one length; numpy columns are made read-only views
    Raises
        ValueError                    two columns differ in length
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Mapping[str, Array]):
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of a table must have one length, got {lengths}")
        object.__setattr__(self, "columns", MappingProxyType({k: _frozen(v) for k, v in columns.items()}))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getattr__(self, name: str) -> Array:
        try:
            return self.columns[name]
        except KeyError:
            raise AttributeError(f"no column {name!r}; there are {', '.join(self.columns)}") from None

    def __setattr__(self, name, value):
        raise AttributeError("a Table is frozen: use replace()")

    def __reduce__(self):
        return Table, (dict(self.columns),)

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def replace(self, **columns: Array) -> Table:
        """The same table with some columns replaced or added."""
        return Table({**self.columns, **columns})

    def keep(self, mask: Array) -> Table:
        """The rows where `mask` (n,) bool is True (or the rows of an index array, in its order)."""
        return Table({name: column[mask] for name, column in self.columns.items()})

    def append(self, other: Table) -> Table:
        """This table with the rows of `other` after its own; both must have the same columns."""
        if set(other.columns) != set(self.columns):
            odd = sorted(set(other.columns) ^ set(self.columns))
            raise ValueError(f"appended rows must have the same columns; these stand on one side only: {odd}")
        return Table({name: np.concatenate([column, other.columns[name]]) for name, column in self.columns.items()})


@dataclass(frozen=True)
class Projection:
    """What a rule sees: the synapses of one projection and the neurons at both ends.

    synapses    columns `id`, `pre`, `post` (indices into source and target), `alive`, and the model's variables
    source      columns `id`, `alive`, and the variables of the presynaptic neurons
    target      the same of the postsynaptic neurons
    candidates  columns `pre`, `post`, `count`: absent pairs a regrowth rule has been watching
    births      columns `pre`, `post`: pairs that a rule asked to be born; their state is the model's newborn state
    """

    name: str
    source: Table
    target: Table
    synapses: Table
    candidates: Table = field(default_factory=lambda: pairs([], [], count=[]))
    births: Table = field(default_factory=lambda: pairs([], []))

    def replace(self, **columns: Array) -> Projection:
        """The same projection with some synapse columns replaced or added."""
        return replace(self, synapses=self.synapses.replace(**columns))

    def replace_target(self, **columns: Array) -> Projection:
        """The same projection with some columns of its postsynaptic neurons replaced or added."""
        return replace(self, target=self.target.replace(**columns))

    def ask_births(self, pre: Array, post: Array) -> Projection:
        """Ask for newborn synapses pre -> post; pairs are added to those already asked for."""
        return replace(self, births=self.births.append(pairs(pre, post)))

    def watch(self, pre: Array, post: Array, count: Array) -> Projection:
        """Remember absent pairs and how long each has been wanted."""
        return replace(self, candidates=pairs(pre, post, count=count))


@dataclass(frozen=True)
class Network:
    """The truth about what is alive between two epochs.

    step        int                           simulated time steps since the start; ages are derived from it
    neurons     population -> Table           `id`, `alive` and the state of each neuron
    synapses    projection -> Table           `id`, `pre`, `post`, `alive` and the state of each synapse
    ends        projection -> (source, target) population names
    candidates  projection -> Table           absent pairs watched by a regrowth rule
    pending     pathway -> Table              events in flight: `delay` in steps from now, `index` of the
                                              synapse, or of the neuron that keeps traces of arriving spikes
    next_id     population or projection -> the next id; ids are never used twice
    """

    step: int
    neurons: Mapping[str, Table]
    synapses: Mapping[str, Table]
    ends: Mapping[str, tuple[str, str]]
    candidates: Mapping[str, Table] = field(default_factory=dict)
    pending: Mapping[str, Table] = field(default_factory=dict)
    next_id: Mapping[str, int] = field(default_factory=dict)

    def projection(self, name: str) -> Projection:
        """The view that rules work on."""
        source, target = self.ends[name]
        candidates = self.candidates.get(name, pairs([], [], count=[]))
        return Projection(name, self.neurons[source], self.neurons[target], self.synapses[name], candidates)

    def with_projection(self, proj: Projection) -> Network:
        """The network with a projection's synapses, target neurons and candidates put back (births are not)."""
        _, target = self.ends[proj.name]
        return replace(
            self,
            neurons={**self.neurons, target: proj.target},
            synapses={**self.synapses, proj.name: proj.synapses},
            candidates={**self.candidates, proj.name: proj.candidates},
        )

    def born(self, name: str, newborn: Table) -> Network:
        """Add synapses in the order (pre, creation); `newborn` has every column but `id`."""
        if not len(newborn):
            return self
        first = self.next_id.get(name, 0)
        newborn = newborn.replace(id=np.arange(first, first + len(newborn), dtype=np.int64))
        old = self.synapses.get(name)
        table = newborn if old is None else old.append(newborn)
        order = np.argsort(table.pre, kind="stable")
        place = np.empty(len(table), np.int64)
        place[order] = np.arange(len(table))
        return replace(
            self,
            synapses={**self.synapses, name: table.keep(order)},
            pending=_renumbered(self.pending, name, place),
            next_id={**self.next_id, name: first + len(newborn)},
        )

    def lasting(self, name: str) -> np.ndarray:
        """Which synapses of a projection are alive between living neurons, (n_syn,) bool."""
        table, (source, target) = self.synapses[name], (self.neurons[end].alive for end in self.ends[name])
        keep = table.alive
        for alive, ends in ((source, table.pre), (target, table.post)):
            keep = keep if alive.all() else keep & alive[ends]
        return keep

    def compact(self) -> Network:
        """Remove what is marked dead: neurons, all their synapses, dead synapses and the events in flight on them."""
        neurons, synapses, candidates, pending = {}, dict(self.synapses), dict(self.candidates), dict(self.pending)
        place = {}  # population that lost somebody -> the new number of each neuron, -1 for those that are gone
        for name, table in self.neurons.items():
            alive = table.alive
            neurons[name] = table
            if not alive.all():
                neurons[name], place[name] = table.keep(alive), np.where(alive, np.cumsum(alive) - 1, -1)
                pending = _renumbered(pending, name, place[name])
        for name, ends in self.ends.items():
            keep = self.lasting(name)
            if not keep.all():
                synapses[name] = synapses[name].keep(keep)
                pending = _renumbered(pending, name, np.where(keep, np.cumsum(keep) - 1, -1))
            synapses[name] = _between(synapses[name], ends, place)
            if name in candidates:
                seen = _between(candidates[name], ends, place)
                candidates[name] = seen.keep((seen.pre >= 0) & (seen.post >= 0))
        return replace(self, neurons=neurons, synapses=synapses, candidates=candidates, pending=pending)


def pairs(pre: Array, post: Array, **columns: Array) -> Table:
    """A table of (pre, post) pairs with further integer columns."""
    made = {"pre": pre, "post": post, **columns}
    return Table({name: np.asarray(column, dtype=np.int64) for name, column in made.items()})


def _between(table: Table, ends: tuple[str, str], place: Mapping[str, np.ndarray]) -> Table:
    """A table of pairs with the new numbers of the neurons at both ends."""
    moved = [(side, place[end]) for side, end in zip(("pre", "post"), ends, strict=True) if end in place]
    return table.replace(**{side: new[table.columns[side]] for side, new in moved}) if moved else table


def _frozen(column: Array) -> Array:
    if isinstance(column, np.ndarray) and column.flags.writeable:  # else it is kept as it is: `is` tells what changed
        column = column.view()
        column.flags.writeable = False
    return column


def _renumbered(pending: Mapping[str, Table], owner: str, place: np.ndarray) -> dict[str, Table]:
    """Events in flight with row k of the owner now at place[k]; place -1 drops them. Keys are 'owner.pathway'."""
    out = {}
    for pathway, events in pending.items():
        if pathway.split(".")[0] == owner:
            index = place[events.index]
            events = events.replace(index=index).keep(index >= 0)
        out[pathway] = events
    return out
