"""What a run will take before anything is built: memory from the model's columns, time from a short trial."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from dpap_bio import doctor, newborn
from dpap_bio.backends import BACKENDS, choose_target
from dpap_bio.development import SNAPSHOTS
from dpap_bio.kind_development import total_steps
from dpap_bio.model import Model
from dpap_bio.probes import draw
from dpap_bio.protocol import Protocol
from dpap_bio.rules.grow import growth_share
from dpap_bio.runs import Request
from dpap_bio.spikes import Spikes

# measured with Brian2 2.9 and Python 3.11 on Linux, as proportional share of memory; bytes
_WATCHES, _LIVES, _COLLECTS = 160e6, 165e6, 165e6  # the processes that watch, each worker, the one that collects
_COPIES = 6.0  # of the network's columns in a worker: before, after, Brian2's own, the rules', the record
_PROBED = 4.5  # the same of each copy that is probed: nothing is ruled or recorded then
_TREES = 1.1  # of the results beside the records while the file is written
_TRIAL = 200  # steps
_SMALL = 4e7  # bytes of a network above which no trial is made
_STEP = {"numpy": (1e-4, 2e-8), "cython": (3e-5, 6e-9),  # s a step and s an event, where no trial was made
         "cpp": (3e-6, 6e-9), "cpu": (5e-6, 7e-9), "gpu": (5e-6, 7e-9)}
_RATE = 10.0  # Hz assumed of a population, for events
_EPOCH, _START, _COMPILE = 0.4, 15.0, 90.0  # s: around an epoch, around a run, for compiling once


@dataclass(frozen=True)
class Estimate:
    """What a run will take. Memory in bytes, times in s; `synapses` is projection -> (at birth, at most, possible)."""

    developments: int
    jobs: int
    synapses: Mapping[str, tuple[int, int, int]]
    worker: float
    collecting: float
    disk: float
    steps: int
    step: float
    how: str
    seconds: float

    @property
    def peak(self) -> float:
        """Bytes of memory in use at the worst moment: while the developments live or while they are collected."""
        return max(_WATCHES + self.jobs * self.worker, self.collecting)


def estimate(request: Request, jobs: int | None = None, trial: bool = True) -> Estimate:
    """Work out what a run will take, without building it.

    Arguments
        request  what is asked for
        jobs     developments side by side; None is one a core
        trial    False takes the time of a step from a table; True measures it where the network is small
    """
    kind, protocol = request.load()
    if kind.name != "development":
        raise ValueError(f"{protocol.name} is of kind {kind.name}: only a development can be estimated")
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    developments = len(protocol.arms) * len(protocol.seeds)
    jobs = min(jobs or os.cpu_count() or 1, developments)
    synapses = {name: _synapses(model, name, protocol) for name in model.projections}
    rows = _rows(model)
    network = sum(rows[n] * most for n, most in _most(model, synapses).items())
    worker = _LIVES + network * max(_COPIES, _PROBED * max((p.copies for p in protocol.probes), default=0))
    records, tree = (developments * x for x in _kept(protocol, model, synapses, rows))
    target = choose_target(request.target, total_steps(protocol))
    step, how = _step(protocol, model, synapses, trial and network < _SMALL, target)
    steps = total_steps(protocol)
    seconds = _START + (steps * step + developments * protocol.epochs * _EPOCH) / jobs
    seconds += _COMPILE if target == "cython" else 0.0
    return Estimate(developments, jobs, synapses, worker, _COLLECTS + records + _TREES * tree, records + tree / 3,
                    steps, step, f"{target}, {how}", seconds)


def text(request: Request, jobs: int | None) -> str:
    """An estimate in words."""
    e = estimate(request, jobs)
    free = doctor.memory()
    lines = [f"{request.protocol} ({request.size}): {e.developments} developments, {e.jobs} side by side"]
    lines += [f"  {name}: {first} synapses at birth, {most} at most, {possible} possible"
              for name, (first, most, possible) in e.synapses.items()]
    lines += [f"memory  {_bytes(e.peak)} at the peak" + (f"; {_bytes(free[1])} are free" if free else ""),
              f"        {e.jobs} x {_bytes(e.worker)} while they live, {_bytes(e.collecting)} while they are collected",
              f"disk    {_bytes(e.disk)} while it runs",
              f"work    {e.steps} steps of {e.step * 1e3:.2g} ms ({e.how})",
              f"time    {_span(e.seconds)}" + (f", {_span(_COMPILE)} of it for compiling, which is kept"
                                               if e.how.startswith("cython") else "")]
    return "\n".join(lines)


def check(request: Request, jobs: int | None) -> None:
    """Refuse a run that will not fit into memory.

    Raises
        ValueError   one sentence: what it needs, what there is, what to do
    """
    if request.load()[0].name != "development":
        return
    e, free = estimate(request, jobs, trial=False), doctor.memory()
    if free is not None and e.peak > free[1]:
        raise ValueError(f"this run needs about {_bytes(e.peak)} of memory and {_bytes(free[1])} are free: take fewer "
                         "--jobs or smaller populations (--set NAME.size=N), or give --i-know to try all the same")


# -- memory --------------------------------------------------------------------------------------------------------


def _synapses(model: Model, name: str, protocol: Protocol) -> tuple[int, int, int]:
    """Synapses of a projection at birth, at most (growth without deaths), and possible ones."""
    projection = model.projections[name]
    n_source, n_target = (model.populations[end].size for end in (projection.source, projection.target))
    possible = n_source * n_target // model.copies - (0 if projection.connect.autapses else n_source)
    if projection.connect.one_to_one:
        possible = n_source
    first = share = projection.connect.share
    for rule, _, p in projection.rules:
        if rule.startswith("grow"):
            rate = {n: getattr(p, n) for n in ("growth_rate", "growth_decay", "growth_end")}
            share += (1 - share) * growth_share(0.0, protocol.age(protocol.epochs), **rate)
    return round(first * possible), round(share * possible), possible


def _most(model: Model, synapses) -> dict[str, int]:
    return {n: p.size for n, p in model.populations.items()} | {n: most for n, (_, most, _) in synapses.items()}


def _rows(model: Model) -> dict[str, int]:
    """Bytes of one neuron of each population and of one synapse of each projection, seen in a network of a few."""
    few = replace(model, populations={n: replace(p, size=2) for n, p in model.populations.items()})
    network = newborn.start_network(few, seed=0)
    return {n: sum(c.itemsize for c in table.columns.values())
            for n, table in [*network.neurons.items(), *network.synapses.items()]}


def _kept(protocol: Protocol, model: Model, synapses, rows) -> tuple[float, float]:
    """Bytes that one development leaves in records, and in the tree of results."""
    every = max(1, -(-protocol.epochs // SNAPSHOTS))
    shown = 1 + sum(n % every == 0 or protocol.stage_of(n)[1] for n in range(protocol.epochs))
    records = tree = 0.0
    for name, (_, most, _) in synapses.items():
        changes = bool(model.projections[name].rules)
        average = 0.75 * most if changes else most  # half of them are taken to go in the end
        records += shown * average * rows[name] + 40 * most
        tree += (shown if changes else 1) * average * (rows[name] + 8) + 56 * most
    for probe in protocol.probes:
        window = sum(probe.shown.parameters.get(n, 0.0) for n in ("window", "gap"))
        shows = probe.n_steps * model.dt / window if window else 1.0
        records += 8.0 * len(probe.after) * shows * sum(p.size for p in model.populations.values())
        tree += 4.0 * len(probe.after) * shows * sum(p.size for p in model.populations.values())
    return records, tree


# -- time ----------------------------------------------------------------------------------------------------------


def _step(protocol: Protocol, model: Model, synapses, trial: bool, target: str) -> tuple[float, str]:
    """Seconds a step: of a short trial on numpy with the network at birth, or from a table."""
    events = 2 * _RATE * model.dt * sum(most for _, most, _ in synapses.values())
    fixed, each = _STEP[target]
    table = fixed + each * events
    if not trial:
        return table, f"from a table, {_RATE:g} Hz assumed"
    if target == "numpy":
        return _tried(protocol, model), "measured with the network at birth"
    slow, slower = _STEP["numpy"]
    return _tried(protocol, model) * table / (slow + slower * events), "from a trial on numpy with the network at birth"


def _tried(protocol: Protocol, model: Model) -> float:
    stage = protocol.stages[0]
    advance = BACKENDS["runtime"].open("numpy")
    network = newborn.start_network(model, protocol.seeds[0])
    stimuli = {s.population: draw(s, model, network, stage.n_steps, protocol.seeds[0], 0) for s in stage.shown}
    times = []
    for steps in (2, 2, _TRIAL + 2):  # the first one loads Brian2
        begun = time.perf_counter()
        advance(model, network, {n: _first(s, steps) for n, s in stimuli.items()}, steps, learning=True)
        times.append(time.perf_counter() - begun)
    return max(times[2] - times[1], 1e-6) / _TRIAL


def _first(spikes: Spikes, steps: int) -> Spikes:
    """The first steps of a stimulus, presentations left out."""
    none, kept = np.empty(0, np.int64), spikes.step < steps
    return Spikes(spikes.step[kept], spikes.neuron[kept], spikes.n_neurons, steps, spikes.dt, none, none, none)


def _bytes(n: float) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.0f} MB"


def _span(seconds: float) -> str:
    return f"about {max(1, math.ceil(seconds / 60))} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
