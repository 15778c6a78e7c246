"""The loop: stimulus, epoch, rules, deaths and births, record. A generator: a test takes three epochs, a tool all.

An epoch depends on the network before it, the protocol and the seed, and on nothing else: every draw is keyed by
(seed, epoch, purpose). So a development that was stopped goes on from its last network, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dpap_bio import newborn
from dpap_bio.backends import Advance
from dpap_bio.kinds import Unhealthy
from dpap_bio.model import Model
from dpap_bio.network import Network
from dpap_bio.probes import draw, probe, traces
from dpap_bio.protocol import Arm, Protocol
from dpap_bio.record import at_birth, cells, lifetimes, raster, snapshot, summary, weights
from dpap_bio.rules.rule import Activity, Firing
from dpap_bio.settle import settled, unsettled

RUNAWAY = 200.0  # Hz, mean rate of a population above which a run is stopped: no cortical network lives there
SNAPSHOTS = 40  # at most about so many full pictures of the synapses in one development


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
        quotas    projection -> epoch -> synapses left, of the reference run, for an arm with `quota_of`
    Raises
        Unhealthy   NaN, more than 200 Hz, or no spike at all although there was a stimulus
    """
    if after is None:
        model = protocol.model(arm, protocol.stages[0])
        network = newborn.start_network(model, seed)
        after = Epoch(-1, network, at_birth(model, network))
        yield after
    network = after.network
    models: dict[str, Model] = {}
    for number in range(after.number + 1, protocol.epochs):
        stage, last = protocol.stage_of(number)
        if stage.name not in models:
            models[stage.name] = protocol.model(arm, stage)
        model = models[stage.name]
        stimuli = {each.population: draw(each, model, network, stage.n_steps, seed, number) for each in stage.shown}
        before = network
        network, fired = advance(model, network, stimuli, stage.n_steps, learning=True)
        age = protocol.age(number)
        check_health(model, network, fired, stimuli, stage.n_steps, age)
        firing = {n: _firing(model, fired[n], len(network.neurons[n]), stimuli) for n in network.neurons}
        network, births = _ruled(model, network, firing, stage, age, number, seed, quotas or {})
        network, changes = _replaced(model, network, births, seed, number)
        record = {"epoch": number, "age": age, "stage": stage.name, **changes,
                  "summary": summary(model, network, fired, before, stage.n_steps * model.dt, changes)}
        if number % max(1, -(-protocol.epochs // SNAPSHOTS)) == 0 or last:
            record["snapshot"] = snapshot(model, network)
        if model.copies > 1:
            record["cells"] = cells(before, fired, model, stage.n_steps * model.dt)
        if last or number == 0:
            record["spikes"] = raster(before, fired, model, stage.n_steps)
        probes = [p for p in protocol.probes if last and stage.name in p.after]
        if probes:
            record["probes"] = {p.name: probe(p, model, network, advance, seed, number) for p in probes}
        yield Epoch(number, network, record)


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
    inner = [n for n in network.neurons if n not in model.stimulated()]
    for name in inner:
        rate = len(fired[name][0]) / (len(network.neurons[name]) * n_steps * model.dt)
        if rate > RUNAWAY:
            worst = int(np.bincount(fired[name][1]).argmax())
            raise Unhealthy(f"{name} ran away at age {age:g} day: {rate:.0f} Hz on average, more than {RUNAWAY:g} Hz; "
                            f"neuron {int(network.neurons[name].id[worst])} fired most")
    if driven and inner and not any(len(fired[n][0]) for n in inner):
        raise Unhealthy(f"the network is dead at age {age:g} day: no neuron fired although its input did; "
                        "raise the weights or the stimulus")


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
        gone = ~network.lasting(name)
        changes["deaths"][name] = {"id": table.id[gone], "w": weights(table)[gone]}
    for name, table in network.neurons.items():
        changes["neuron_deaths"][name] = table.id[~table.alive]
    return smaller, changes
