"""The loop: stimulus, epoch, rules, deaths and births, record. A generator: a test takes three epochs, a tool all.

An epoch depends on the network before it, the protocol and the seed, and on nothing else: every draw is keyed by
(seed, epoch, purpose). So a development that was stopped goes on from its last network, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dpap_bio import newborn
from dpap_bio.model import Model
from dpap_bio.network import Network, Table
from dpap_bio.protocol import Arm, Probe, Protocol, Shown
from dpap_bio.rules.rule import Activity, Firing
from dpap_bio.settle import settled, unsettled
from dpap_bio.spikes import Spikes
from dpap_bio.stimuli import STIMULI

RUNAWAY = 200.0  # Hz, mean rate of a population above which a run is stopped: no cortical network lives there
SNAPSHOTS = 40  # at most about so many full pictures of the synapses in one development
RASTER = 1.0  # s of spikes kept for the raster at the end of a stage

Advance = Callable[..., tuple[Network, Mapping[str, tuple[np.ndarray, np.ndarray]]]]


class Unhealthy(RuntimeError):
    """The network died, ran away or produced a value that is not a number: one sentence says where and when."""


@dataclass(frozen=True)
class Epoch:
    """One epoch that was lived: its number, the network after it, and what is recorded of it (plain arrays)."""

    number: int
    network: Network
    record: Mapping[str, object]


def develop(protocol: Protocol, arm: Arm, seed: int, advance: Advance, *, after: Epoch | None = None,
            quotas: Mapping[str, Mapping[int, int]] | None = None) -> Iterator[Epoch]:
    """Live through the stages of a protocol, one epoch at a time.

    Arguments
        protocol  what is lived through
        arm       the variant of it
        seed      int >= 0; arms of one seed see the same stimuli and start from the same network
        advance   f(model, network, stimuli, n_steps, learning=...) -> (network, fired): a backend
        after     the last epoch of an earlier, unfinished development to go on from
        quotas    projection -> epoch -> synapses left, of the reference run, for an arm with `density_of`
    Raises
        Unhealthy   NaN, more than 200 Hz, or no spike at all although there was a stimulus
    """
    if after is None:
        model = protocol.model(arm, protocol.stages[0])
        network = newborn.start_network(model, seed)
        after = Epoch(-1, network, _birth_record(model, network, protocol))
        yield after
    network = after.network
    models: dict[str, Model] = {}
    for number in range(after.number + 1, protocol.epochs):
        stage, last = protocol.stage_of(number)
        model = models.setdefault(stage.name, protocol.model(arm, stage))
        stimuli = {each.population: draw(each, model, network, stage.n_steps, seed, number) for each in stage.shown}
        before = network
        network, fired = advance(model, network, stimuli, stage.n_steps, learning=True)
        age = protocol.age(number)
        check_health(model, network, fired, stimuli, stage.n_steps, age)
        firing = {n: _firing(model, fired[n], len(network.neurons[n]), stimuli) for n in network.neurons}
        network, births = _ruled(model, network, firing, stage, age, number, seed, quotas or {})
        network, changes = _replaced(model, network, births, seed, number)
        record = {"epoch": number, "age": age, "stage": stage.name, **changes,
                  "summary": _summary(model, network, fired, before, stage.n_steps * model.dt, changes)}
        if number % max(1, -(-protocol.epochs // SNAPSHOTS)) == 0 or last:
            record["snapshot"] = snapshot(network)
        if last or number == 0:
            record["spikes"] = _raster(before, fired, model, stage.n_steps)
        probes = [p for p in protocol.probes if last and stage.name in p.after]
        if probes:
            record["probes"] = {p.name: probe(p, model, network, advance, seed, number) for p in probes}
        yield Epoch(number, network, record)


def draw(shown: Shown, model: Model, network: Network, n_steps: int, seed: int, number: int,
         purpose: str = "stimulus") -> Spikes:
    """The spikes of a stimulated population in one epoch."""
    rng = newborn.generator(seed, number, f"{purpose}.{shown.population}")
    n = len(network.neurons[shown.population])
    return STIMULI[shown.kind](n, n_steps, model.dt, rng, **shown.parameters)


def check_health(model: Model, network: Network, fired, stimuli, n_steps: int, age: float) -> None:
    """Stop on NaN, runaway and dead networks, naming neuron or synapse, value and age."""
    for owners, kind in ((network.neurons, "neuron"), (network.synapses, "synapse")):
        for name, table in owners.items():
            for column, values in table.columns.items():
                if values.dtype.kind == "f" and not np.isfinite(values).all():
                    bad = int(np.flatnonzero(~np.isfinite(values))[0])
                    raise Unhealthy(f"{name}: {column} of {kind} {int(table.id[bad])} is {values[bad]} "
                                    f"at age {age:g} day")
    driven = any(len(s.step) for s in stimuli.values())
    inner = [n for n in network.neurons if n not in stimuli]
    for name in inner:
        rate = len(fired[name][0]) / (len(network.neurons[name]) * n_steps * model.dt)
        if rate > RUNAWAY:
            worst = int(np.bincount(fired[name][1]).argmax())
            raise Unhealthy(f"{name} ran away at age {age:g} day: {rate:.0f} Hz on average, more than {RUNAWAY:g} Hz; "
                            f"neuron {int(network.neurons[name].id[worst])} fired most")
    if driven and inner and not any(len(fired[n][0]) for n in inner):
        raise Unhealthy(f"the network is dead at age {age:g} day: no neuron fired although its input did; "
                        "raise the weights or the stimulus")


def traces(step, neuron, n_neurons: int, onset, offset, dt: float, tau: float) -> np.ndarray:
    """Spike traces at the end of each presentation: sum of exp(-(end - spike) / tau) over the spikes before it.

    Arguments
        step, neuron    (n_spk,) int   sorted by step
        onset, offset   (n_pres,) int  presentations, in order
        dt, tau         float, s       time step, decay constant
    Returns
        (n_pres, n_neurons) float
    """
    n_pres = len(onset)
    which = np.searchsorted(offset, step, side="right")  # the first presentation that ends after the spike
    inside = which < n_pres
    fresh = np.zeros((n_pres, n_neurons))
    weight = np.exp(-(offset[which[inside]] - step[inside]) * dt / tau)
    np.add.at(fresh, (which[inside], neuron[inside]), weight)
    for k in range(1, n_pres):
        fresh[k] += fresh[k - 1] * np.exp(-(offset[k] - offset[k - 1]) * dt / tau)
    return fresh


def counts(step, neuron, n_neurons: int, onset, offset) -> np.ndarray:
    """Spikes of each neuron in each presentation, (n_pres, n_neurons) int."""
    which = np.searchsorted(onset, step, side="right") - 1
    inside = (which >= 0) & (step < offset[which])
    out = np.zeros((len(onset), n_neurons), np.int64)
    np.add.at(out, (which[inside], neuron[inside]), 1)
    return out


def probe(spec: Probe, model: Model, network: Network, advance: Advance, seed: int, number: int) -> dict:
    """Show stimuli to copies of the network with learning off; the network itself is not touched.

    Returns
        "count"        (n_pres, n_neu) int    spikes of each neuron of every simulated population, in order
        "input"        (n_pres, n_input) int  spikes of the input, the control of every read-out
        "label"        (n_pres,) int
    """
    spikes = draw(spec.shown, model, network, spec.n_steps, seed, -1, f"probe.{spec.name}")
    copies = tile(network, spec.copies)
    shown, length = fold(spikes, spec.copies)
    _, fired = advance(model, copies, {spec.shown.population: shown}, length, learning=False)
    out = {"label": spikes.label,
           "input": counts(spikes.step, spikes.neuron, spikes.n_neurons, spikes.onset, spikes.offset)}
    for name in network.neurons:
        if name not in model.stimulated():
            n = len(network.neurons[name])
            step, neuron = fired[name]
            step, neuron = step + (neuron // n) * length, neuron % n
            order = np.argsort(step, kind="stable")
            out[f"count.{name}"] = counts(step[order], neuron[order], n, spikes.onset, spikes.offset)
    return out


def tile(network: Network, copies: int) -> Network:
    """`copies` of a network side by side, unconnected, as one network without events in flight."""
    if copies == 1:
        return replace(network, pending={})

    def repeated(table: Table, sizes: Mapping[str, int]) -> Table:
        shift = np.repeat(np.arange(copies), len(table))
        out = {n: np.tile(c, copies) for n, c in table.columns.items()}
        return Table({n: c + shift * sizes[n] if n in sizes else c for n, c in out.items()})

    neurons = {n: repeated(t, {}) for n, t in network.neurons.items()}
    synapses = {}
    for name, table in network.synapses.items():
        source, target = network.ends[name]
        sizes = {"pre": len(network.neurons[source]), "post": len(network.neurons[target])}
        synapses[name] = repeated(table, sizes)
    return replace(network, neurons=neurons, synapses=synapses, pending={}, candidates={})


def fold(spikes: Spikes, copies: int) -> tuple[Spikes, int]:
    """The same presentations, dealt in runs of equal number to `copies` of the input, and the steps of one run."""
    if copies == 1 or len(spikes.onset) < copies:
        return spikes, spikes.n_steps
    each = -(-len(spikes.onset) // copies)
    length = int(spikes.onset[each] if each < len(spikes.onset) else spikes.n_steps)
    copy = np.minimum(spikes.step // length, copies - 1)
    step, neuron = spikes.step - copy * length, spikes.neuron + copy * spikes.n_neurons
    order = np.lexsort((neuron, step))
    inside = step[order] < length
    none = np.empty(0, np.int64)
    folded = Spikes(step[order][inside], neuron[order][inside], spikes.n_neurons * copies, length, spikes.dt,
                    none, none, none)
    return folded, length


# -- one epoch's structure -----------------------------------------------------------------------------------------


def _firing(model: Model, fired, n: int, stimuli) -> Firing:
    step, neuron = fired
    windows = next(iter(stimuli.values()))
    trace = traces(step, neuron, n, windows.onset, windows.offset, model.dt, model.tau_trace) if model.tau_trace else (
        np.zeros((0, n)))
    return Firing(np.bincount(neuron, minlength=n), trace)


def _ruled(model, network: Network, firing, stage, age, number, seed, quotas):
    """Apply the rules of every projection in order; births are asked for, nothing is removed yet."""
    births = {}
    now = network.step * model.dt
    for name, projection in model.projections.items():
        raw = network.projection(name)
        view = replace(raw, synapses=settled(projection, raw.synapses, now))
        fresh = view.synapses
        activity = Activity(firing[projection.source], firing[projection.target], stage.n_steps * model.dt, stage.days,
                            age, number, quotas.get(name, {}).get(number))
        for rule_name, rule, p in projection.rules:
            view = rule.step(view, activity, p, newborn.generator(seed, number, f"rule.{name}.{rule_name}"))
        births[name] = view.births
        view = replace(view, synapses=unsettled(raw.synapses, fresh, view.synapses, now))
        network = network.with_projection(view)
    return network, births


def _replaced(model, network: Network, births, seed: int, number: int):
    """Let synapses be born and the dead be removed; the record of both, by lasting ids."""
    changes = {"births": {}, "deaths": {}, "neuron_deaths": {}}
    for name, asked in births.items():
        source, target = (network.neurons[end] for end in network.ends[name])
        asked = asked.keep(source.alive[asked.pre] & target.alive[asked.post])
        rng = newborn.generator(seed, number, f"birth.{name}")
        first = network.next_id[name]
        network = network.born(name, newborn.synapses(model, network, name, asked.pre, asked.post, rng))
        changes["births"][name] = lifetimes(network, name, network.synapses[name].id >= first)
    smaller = network.compact()
    for name, table in network.synapses.items():
        gone = ~np.isin(table.id, smaller.synapses[name].id, assume_unique=True)
        changes["deaths"][name] = {"id": table.id[gone], "w": _weights(table)[gone]}
    for name, table in network.neurons.items():
        changes["neuron_deaths"][name] = table.id[~table.alive]
    return smaller, changes


# -- what is recorded ----------------------------------------------------------------------------------------------


def lifetimes(network: Network, name: str, mask) -> dict[str, np.ndarray]:
    """Who the newborn synapses are: id, lasting ids of their neurons, weight at birth."""
    source, target = (network.neurons[end] for end in network.ends[name])
    table = network.synapses[name].keep(mask)
    return {"id": table.id, "pre": source.id[table.pre], "post": target.id[table.post], "w": _weights(table)}


def snapshot(network: Network) -> dict:
    """Every live synapse by lasting ids, with the columns that rules and figures read."""
    out = {}
    for name, table in network.synapses.items():
        shown = {n: c for n, c in table.columns.items() if n not in ("pre", "post", "alive", "lastupdate")}
        source, target = (network.neurons[end] for end in network.ends[name])
        out[name] = {**shown, "pre": source.id[table.pre], "post": target.id[table.post]}
    return out


def _weights(table: Table) -> np.ndarray:
    return table.w if "w" in table else np.full(len(table), np.nan)


def _birth_record(model: Model, network: Network, protocol: Protocol) -> dict:
    births = {n: lifetimes(network, n, slice(None)) for n in network.synapses}
    none = {n: {"id": np.empty(0, np.int64), "w": np.empty(0)} for n in network.synapses}
    changes = {"births": births, "deaths": none, "neuron_deaths": {n: np.empty(0, np.int64) for n in network.neurons}}
    sizes = {n: t.id for n, t in network.neurons.items()}
    return {"epoch": -1, "age": 0.0, "stage": "birth", **changes, "neurons": sizes, "snapshot": snapshot(network),
            "summary": _summary(model, network, {}, network, 1.0, changes)}


def _summary(model: Model, network: Network, fired, lived: Network, seconds: float, changes) -> dict[str, float]:
    """One row of numbers: rates of populations (as they lived the epoch), counts and mean weights of projections."""
    row = {}
    for name, table in network.neurons.items():
        n = len(lived.neurons[name])
        row[f"{name}.neurons"] = len(table)
        row[f"{name}.rate"] = len(fired[name][0]) / (n * seconds) if name in fired and n else np.nan
    for name, table in network.synapses.items():
        source, target = (network.next_id[end] for end in network.ends[name])  # of birth: dead neurons leave holes
        connect = model.projections[name].connect
        possible = source * target - (0 if connect.autapses else source)
        row[f"{name}.synapses"] = len(table)
        row[f"{name}.density"] = len(table) / possible if possible else np.nan
        row[f"{name}.born"] = len(changes["births"][name]["id"])
        row[f"{name}.died"] = len(changes["deaths"][name]["id"])
        row[f"{name}.weight"] = float(_weights(table).mean()) if len(table) else np.nan
    return row


def _raster(lived: Network, fired, model: Model, n_steps: int) -> dict:
    """The last second of an epoch: times from its start in s, lasting neuron ids, of every population."""
    first = n_steps - min(n_steps, round(RASTER / model.dt))
    out = {}
    for name, (step, neuron) in fired.items():
        late = step >= first
        out[name] = {"time": (step[late] - first) * model.dt, "neuron": lived.neurons[name].id[neuron[late]]}
    return out
