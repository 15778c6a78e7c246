"""What is recorded of an epoch, as plain arrays: who was born and died, a row of numbers, snapshots, spikes."""

from __future__ import annotations

import numpy as np

from dpap_bio.model import Model
from dpap_bio.network import Network, Table
from dpap_bio.settle import settled

RASTER = 1.0  # s of spikes kept for the raster at the end of a stage


def lifetimes(network: Network, name: str, mask) -> dict[str, np.ndarray]:
    """Who the newborn synapses are: id, lasting ids of their neurons, weight at birth."""
    source, target = (network.neurons[end] for end in network.ends[name])
    table = network.synapses[name].keep(mask)
    return {"id": table.id, "pre": source.id[table.pre], "post": target.id[table.post], "w": weights(table)}


def snapshot(model: Model, network: Network) -> dict:
    """Every live synapse by lasting ids, with the columns that rules and figures read, all as of now.

    Backends keep event-driven variables as of different times: only their value today means the same for all.
    """
    out = {}
    for name, raw in network.synapses.items():
        table = settled(model.projections[name], raw, network.step * model.dt)
        shown = {n: c for n, c in table.columns.items() if n not in ("pre", "post", "alive", "lastupdate")}
        source, target = (network.neurons[end] for end in network.ends[name])
        out[name] = {**shown, "pre": source.id[table.pre], "post": target.id[table.post]}
    return out


def weights(table: Table) -> np.ndarray:
    """The weights of synapses, NaN for synapses that have none."""
    return table.w if "w" in table else np.full(len(table), np.nan)


def at_birth(model: Model, network: Network) -> dict:
    """The record of the network before its first epoch."""
    births = {n: lifetimes(network, n, slice(None)) for n in network.synapses}
    none = {n: {"id": np.empty(0, np.int64), "w": np.empty(0)} for n in network.synapses}
    changes = {"births": births, "deaths": none, "neuron_deaths": {n: np.empty(0, np.int64) for n in network.neurons}}
    sizes = {n: t.id for n, t in network.neurons.items()}
    return {"epoch": -1, "age": 0.0, "stage": "birth", **changes, "neurons": sizes,
            "snapshot": snapshot(model, network), "summary": summary(model, network, {}, network, 1.0, changes)}


def summary(model: Model, network: Network, fired, lived: Network, seconds: float, changes) -> dict[str, float]:
    """One row of numbers: rates of populations (as they lived the epoch), counts and mean weights of projections."""
    row = {}
    for name, table in network.neurons.items():
        n = len(lived.neurons[name])
        row[f"{name}.neurons"] = len(table)
        row[f"{name}.rate"] = len(fired[name][0]) / (n * seconds) if name in fired and n else np.nan
    for name, table in network.synapses.items():
        source, target = (network.next_id[end] for end in network.ends[name])  # of birth: dead neurons leave holes
        connect = model.projections[name].connect
        possible = source if connect.one_to_one else source * target // model.copies
        possible -= 0 if connect.autapses or connect.one_to_one else source
        row[f"{name}.synapses"] = len(table)
        row[f"{name}.density"] = len(table) / possible if possible else np.nan
        row[f"{name}.born"] = len(changes["births"][name]["id"])
        row[f"{name}.died"] = len(changes["deaths"][name]["id"])
        row[f"{name}.weight"] = float(weights(table).mean()) if len(table) else np.nan
    return row


def cells(lived: Network, fired, model: Model, seconds: float) -> dict:
    """The rate of every neuron of the simulated populations in the epoch, by lasting ids."""
    out = {}
    for name, table in lived.neurons.items():
        if name not in model.stimulated():
            out[name] = {"cell": table.id, "rate": np.bincount(fired[name][1], minlength=len(table)) / seconds}
    return out


def raster(lived: Network, fired, model: Model, n_steps: int) -> dict:
    """The last second of an epoch: times from its start in s, lasting neuron ids, of every population."""
    first = n_steps - min(n_steps, round(RASTER / model.dt))
    out = {}
    for name, (step, neuron) in fired.items():
        late = step >= first
        out[name] = {"time": (step[late] - first) * model.dt, "neuron": lived.neurons[name].id[neuron[late]]}
    return out
