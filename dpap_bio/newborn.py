"""How neurons and synapses come into being: every column's start value, in one place."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np

from dpap_bio import schema
from dpap_bio.model import Model, Population
from dpap_bio.network import Network, Table
from dpap_bio.spikes import draw

NEVER = -1e4  # s, time of the last spike of a neuron that has not spiked: Brian2's own convention


def generator(seed: int, epoch: int, purpose: str) -> np.random.Generator:
    """A generator keyed by what it is for, so that resuming needs no saved state and no order of draws matters.

    Arguments
        seed     int >= 0
        epoch    int >= -1   -1 is the time before the first epoch
        purpose  str         "stimulus.input", "rule.feedforward.grow", ...
    Source
        Philox, a counter-based generator (salmon2011)
    """
    sequence = np.random.SeedSequence([seed, epoch + 1, zlib.crc32(purpose.encode())])
    return np.random.Generator(np.random.Philox(sequence))


def start_network(model: Model, seed: int) -> Network:
    """The network before its first epoch, grown from the model's `connect` and `start`."""
    neurons = {p.name: _neurons(model, p, seed) for p in model.populations.values()}
    ends = {p.name: (p.source, p.target) for p in model.projections.values()}
    network = Network(0, neurons, {}, ends, next_id={p: len(t) for p, t in neurons.items()})
    for name, projection in model.projections.items():
        n_source, n_target = (len(neurons[end]) for end in ends[name])
        rng = generator(seed, -1, f"connect.{name}")
        pre, post = _connect(projection.connect, n_source, n_target, model.copies, rng)
        born = synapses(model, network, name, pre, post, generator(seed, -1, f"start.{name}"))
        empty = replace(network, synapses={**network.synapses, name: born.keep(slice(0, 0)).replace(id=_no_ids())})
        network = empty.born(name, born)
    return network


def synapses(model: Model, network: Network, name: str, pre, post, rng: np.random.Generator) -> Table:
    """Newborn synapses pre -> post of projection `name`, every column but `id`.

    Arguments
        pre, post  (n,) int      indices into the source and target populations
        rng        the generator of this birth; variables are drawn in the order of their names
    """
    projection, n = model.projections[name], len(pre)
    columns = {"pre": np.asarray(pre, np.int64), "post": np.asarray(post, np.int64), "alive": np.ones(n, bool)}
    for equation in sorted(projection.code.equations, key=lambda e: e.name):
        if equation.kind != "subexpression":
            columns[equation.name] = _draw(projection.start[equation.name], projection.parameters, n, rng)
    if any("event-driven" in e.flags for e in projection.code.equations):
        columns["lastupdate"] = np.full(n, network.step * model.dt)
    for _, rule, p in projection.rules:
        for column, start in rule.synapse.items():
            columns[column] = np.full(n, float(getattr(p, start) if isinstance(start, str) else start))
    return Table(columns)


def _neurons(model: Model, population: Population, seed: int) -> Table:
    n = population.size
    rng = generator(seed, -1, f"start.{population.name}")
    columns = {"id": np.arange(n, dtype=np.int64), "alive": np.ones(n, bool)}
    for equation in sorted(population.equations, key=lambda e: e.name):
        if equation.kind != "subexpression":
            columns[equation.name] = _draw(population.start[equation.name], population.parameters, n, rng)
    if population.refractory:
        columns["lastspike"] = np.full(n, NEVER)
    for projection in model.projections.values():
        if projection.source == population.name:
            for trace in projection.arrivals:
                start = projection.start[trace.equation.name]
                name = f"{trace.equation.name}_{projection.name}"
                columns[name] = _draw(start, projection.parameters, n, rng)
        if projection.target == population.name:
            for _, rule, p in projection.rules:
                for column, start in rule.neuron.items():
                    columns[column] = np.full(n, float(getattr(p, start) if isinstance(start, str) else start))
    return Table(columns)


def _draw(start, parameters, n: int, rng: np.random.Generator) -> np.ndarray:
    """Start values in SI units: a number, a parameter, or a distribution over either."""

    def value(x):
        return parameters[x].si if isinstance(x, str) else float(x)

    if not isinstance(start, schema.Start):
        return np.full(n, value(start))
    first, second = (value(x) for x in start.arguments)
    if start.kind == "uniform":
        return rng.uniform(first, second, n)
    if start.kind == "normal":
        return rng.normal(first, second, n)
    return first * np.exp(second * rng.standard_normal(n))


def _connect(connect: schema.Connect, n_source: int, n_target: int, copies: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Each possible pair within a copy with probability `share`, or one to one, sorted by (pre, post)."""
    if connect.one_to_one:
        each = np.arange(n_source)
        return each, each.copy()
    pre, post = draw(n_target // copies, n_source, connect.share, rng)
    post += pre // (n_source // copies) * (n_target // copies)
    keep = slice(None) if connect.autapses else pre != post
    return pre[keep], post[keep]


def _no_ids() -> np.ndarray:
    return np.empty(0, np.int64)
