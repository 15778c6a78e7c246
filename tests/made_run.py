"""A small run made by hand: what `develop` would have recorded, without a simulator. A test names what it is about."""

import numpy as np

from dpap_bio import protocol as protocols
from dpap_bio import results

POSSIBLE = 40  # pairs of neurons: 8 inputs, 5 cells
INPUTS, CELLS = 8, 5

MODEL = """
schema = "dpap-model/1"
title  = "Two populations"
dt     = "1 ms"

[populations.input]
size       = 8
stimulated = true

[populations.cells]
size       = 5
mechanisms = ["lif"]

[projections.forward]
from       = "input"
to         = "cells"
mechanisms = ["current_synapse"]
delay      = "1 ms"
connect    = { share = 1.0 }
start      = { w = 1.0 }
rules      = ["none"]

[parameters]
tau_m     = { value = 20.0, unit = "ms", source = "song2000, page 920", evidence = "verified" }
q_syn     = { value = 5.0, unit = "mV", chosen = "four inputs <b>together</b> reach threshold" }
t_ref     = { value = 3.0, unit = "ms", chosen = "test" }
tau_trace = { value = 20.0, unit = "ms", chosen = "test" }
"""

PROTOCOL = """
schema = "dpap-protocol/1"
title  = "A test & nothing <i>else</i>"
model  = "./two.toml"
seeds  = [1, 2]

[[stages]]
name     = "early"
epochs   = {early}
epoch    = {{ simulate = "1 s", stands_for = "1 day" }}
stimulus = {{ kind = "poisson", rate = "10 Hz", window = "100 ms" }}

[[stages]]
name     = "late"
epochs   = {late}
epoch    = {{ simulate = "1 s", stands_for = "1 day" }}
stimulus = {{ kind = "poisson", rate = "10 Hz", window = "100 ms" }}

[[probes]]
name     = "train"
after    = ["early", "late"]
simulate = "1 s"
stimulus = {{ kind = "poisson", rate = "10 Hz", window = "100 ms" }}

[[probes]]
name     = "test"
after    = ["early", "late"]
simulate = "1 s"
stimulus = {{ kind = "poisson", rate = "10 Hz", window = "100 ms" }}

[[arms]]
name  = "control"
title = "Another leak"
set   = {{ tau_m = 30.0 }}

[sizes.small]
arms = []
"""


def protocol(folder, epochs=(4, 6), criteria="", size=None, **load):
    """A protocol of two stages with those numbers of epochs; `criteria` is TOML that is appended."""
    (folder / "two.toml").write_text(MODEL, encoding="utf-8")
    path = folder / "made.toml"
    path.write_text(PROTOCOL.format(early=epochs[0], late=epochs[1]) + criteria, encoding="utf-8")
    return protocols.load(str(path), size=size, **load)


def records(epochs=10, births=None, deaths=None, weight=lambda ids, epoch: np.ones(len(ids)), rate=10.0, probes=None,
            snapshots=True, columns=None, neuron_deaths=None, stage_ends=(3, 9), spikes=True):
    """The records of one development.

    Arguments
        births         epoch -> number of synapses born; -1 is birth, 20 if not given
        deaths         epoch -> ids that die in that epoch
        weight         f(ids, epoch) -> weights
        rate           float or f(epoch), Hz   rate of the cells
        probes         epoch -> {name: record}
        snapshots      True for every epoch, or the epochs that have one
        columns        f(ids, epoch) -> further columns of the snapshots
        neuron_deaths  epoch -> ids of cells that die
    """
    births, deaths, alive, born = births or {-1: 20}, deaths or {}, np.empty(0, np.int64), 0
    made, living = [], np.arange(CELLS)
    for epoch in range(-1, epochs):
        new = np.arange(born, born + births.get(epoch, 0))
        gone = np.asarray(deaths.get(epoch, []), np.int64)
        born, alive = born + len(new), np.setdiff1d(np.concatenate([alive, new]), gone)
        lost = np.asarray((neuron_deaths or {}).get(epoch, []), np.int64)
        living = np.setdiff1d(living, lost)
        hz = np.nan if epoch < 0 else float(rate(epoch) if callable(rate) else rate)
        record = {
            "epoch": epoch, "age": epoch + 1.0,
            "stage": "birth" if epoch < 0 else "early" if epoch <= stage_ends[0] else "late",
            "births": {"forward": {"id": new, **_ends(new), "w": weight(new, epoch)}},
            "deaths": {"forward": {"id": gone, "w": weight(gone, epoch)}},
            "neuron_deaths": {"input": np.empty(0, np.int64), "cells": lost},
            "summary": {
                "input.neurons": INPUTS, "input.rate": np.nan if epoch < 0 else 20.0, "cells.neurons": len(living),
                "cells.rate": hz, "forward.synapses": len(alive), "forward.density": len(alive) / POSSIBLE,
                "forward.born": len(new), "forward.died": len(gone),
                "forward.weight": float(weight(alive, epoch).mean()) if len(alive) else np.nan},
        }
        if epoch < 0:
            record["neurons"] = {"input": np.arange(INPUTS), "cells": np.arange(CELLS)}
        if snapshots is True or epoch in snapshots:
            more = columns(alive, epoch) if columns else {}
            record["snapshot"] = {"forward": {"id": alive, "w": weight(alive, epoch), **more, **_ends(alive)}}
        if spikes and (epoch == 0 or epoch in stage_ends):
            record["spikes"] = {n: {"time": np.linspace(0.01, 0.9, 3 * k), "neuron": np.arange(3 * k) % k}
                                for n, k in (("input", INPUTS), ("cells", CELLS))}
        if probes and epoch in probes:
            record["probes"] = probes[epoch]
        made.append(record)
    return made


def probe(count, label, raw=None):
    """The record of a probe: spikes of the cells (n_pres, n_cells), classes, spikes of the input."""
    raw = np.zeros((len(label), INPUTS), np.int64) if raw is None else raw
    return {"label": np.asarray(label), "input": np.asarray(raw), "count.cells": np.asarray(count)}


def tuned(seed, strength=3.0, n=200, n_cells=CELLS):
    """Poisson counts of cells of which each prefers one of five classes, and the classes in turn."""
    label = np.arange(n) % 5
    prefers = np.arange(n_cells) % 5
    rate = 1 + strength * (label[:, None] == prefers)
    return np.random.default_rng(seed).poisson(rate), label


def run(folder, lived, **load):
    """The tree of developments {(arm, seed): records}."""
    epochs = max(len(r) for r in lived.values()) - 1
    return results.assemble(protocol(folder, (4, max(1, epochs - 4)), **load), lived)


def one(folder, **life):
    """The tree of one development: arm main, seed 1."""
    return run(folder, {("main", 1): records(**life)})


def _ends(ids):
    return {"pre": ids % INPUTS, "post": ids // INPUTS % CELLS}
