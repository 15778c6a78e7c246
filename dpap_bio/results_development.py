"""What a development leaves in the run file: stages, lifetimes, summaries, snapshots, spikes, probes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from dpap_bio import results_read as read
from dpap_bio.conditions import table
from dpap_bio.results_parameters import column_units, in_force
from dpap_bio.results_schema import SCHEMA, labelled


def groups(protocol, records: Mapping[tuple[str, int], Sequence[Mapping]]) -> dict[str, xr.Dataset]:
    """The groups of /parameters, /stages and of every arm and seed, from what `develop` recorded.

    Raises
        ValueError   a development has no record of its birth, or an epoch is missing
    """
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    found = {"parameters": labelled("parameters", in_force(protocol, model)), "stages": _stages(protocol, model)}
    if protocol.conditions is not None:
        found["conditions"] = labelled("conditions", table(protocol.conditions), protocol.conditions.units)
    for (arm, seed), epochs in records.items():
        units = column_units(protocol.model(protocol.arm(arm), protocol.stages[0]))
        found |= _development(read.place(arm, seed), epochs, units)
    return found


def _stages(protocol, model) -> xr.Dataset:
    rows = [(s.name, s.epochs, s.n_steps * model.dt, s.days, "; ".join(map(str, s.shown)),
             json.dumps(dict(s.set), sort_keys=True)) for s in protocol.stages]
    return labelled("stages", dict(zip(SCHEMA["stages"], map(list, zip(*rows, strict=True)), strict=True)))


def _development(place: str, records: Sequence[Mapping], units) -> dict[str, xr.Dataset]:
    if not records or records[0]["epoch"] != -1:
        raise ValueError(f"{place}: the first record must be that of birth, epoch -1")
    if [r["epoch"] for r in records] != list(range(-1, len(records) - 1)):
        raise ValueError(f"{place}: the records of some epochs are missing")
    groups = {f"{place}/summary": _summary(place, records), f"{place}/neurons": _neurons(place, records)}
    for projection in records[0]["births"]:
        path = f"{place}/synapses_{projection}"
        groups[path] = labelled(path, _lives(records, projection))
    return (groups | _snapshots(place, records, units) | _spikes(place, records) | _cells(place, records)
            | _probes(place, records))


def _summary(place, records) -> xr.Dataset:
    ends = {"population": list(records[0]["neurons"]), "projection": list(records[0]["births"])}
    columns = {"epoch": [r["epoch"] for r in records], "age": [r["age"] for r in records],
               "stage": [r["stage"] for r in records], **ends}
    for name, column in SCHEMA["*/seed_*/summary"].items():
        if len(column.dims) == 2:
            values = [[r["summary"][f"{owner}.{name}"] for owner in ends[column.dims[1]]] for r in records]
            columns[name] = np.asarray(values, np.int64 if column.kind == "i" else float).reshape(len(records), -1)
    return labelled(f"{place}/summary", columns)


def _neurons(place, records) -> xr.Dataset:
    tables = []
    for population, ids in records[0]["neurons"].items():
        died = np.full(len(ids), np.nan)
        for record in records:
            died[np.isin(ids, record["neuron_deaths"][population])] = record["age"]
        tables.append((ids, np.full(len(ids), population), np.zeros(len(ids)), died))
    columns = [np.concatenate(parts) for parts in zip(*tables, strict=True)]
    return labelled(f"{place}/neurons", dict(zip(SCHEMA["*/seed_*/neurons"], columns, strict=True)))


def _lives(records, projection) -> dict[str, np.ndarray]:
    """The lifetime table of a projection, in order of ids."""
    births = [(r["births"][projection], r["age"]) for r in records]
    lives = {n: np.concatenate([b[n] for b, _ in births]) for n in ("id", "pre", "post")}
    lives["born"] = np.concatenate([np.full(len(b["id"]), age) for b, age in births])
    lives["died"] = np.full(len(lives["id"]), np.nan)
    lives["w_birth"] = np.concatenate([b["w"] for b, _ in births])
    lives["w_last"] = np.full(len(lives["id"]), np.nan)
    order = np.argsort(lives["id"], kind="stable")
    lives = {name: column[order] for name, column in lives.items()}
    for record in records:
        then = record.get("snapshot", {}).get(projection)
        if then is not None and "w" in then:
            lives["w_last"][np.searchsorted(lives["id"], then["id"])] = then["w"]
    for record in records:  # after the snapshots: a snapshot shows who is left when the dead are gone
        gone = record["deaths"][projection]
        at = np.searchsorted(lives["id"], gone["id"])
        lives["died"][at], lives["w_last"][at] = record["age"], gone["w"]
    return lives


def _snapshots(place, records, units) -> dict[str, xr.Dataset]:
    """The snapshots of each projection, one below the other; one that equals the one before is not stored again."""
    groups = {}
    for projection in records[0]["births"]:
        kept, before = [], None
        for record in records:
            columns = record.get("snapshot", {}).get(projection)
            if columns is not None and not _same(columns, before):
                kept.append({"epoch": np.full(len(columns["id"]), record["epoch"], np.int64), **columns})
                before = columns
        if kept:
            path = f"{place}/snapshots_{projection}"
            groups[path] = labelled(path, _stacked(kept), units.get(projection))
    return groups


def _stacked(tables) -> dict[str, np.ndarray]:
    return {name: np.concatenate([t[name] for t in tables]) for name in tables[0]}


def _same(columns, before) -> bool:
    return before is not None and columns.keys() == before.keys() and all(
        np.array_equal(column, before[name], equal_nan=column.dtype.kind == "f") for name, column in columns.items())


def _spikes(place, records) -> dict[str, xr.Dataset]:
    """The recorded spikes of each population, epoch after epoch."""
    kept = {}
    for record in records:
        for population, spikes in record.get("spikes", {}).items():
            epoch = np.full(len(spikes["time"]), record["epoch"], np.int64)
            kept.setdefault(f"{place}/spikes_{population}", []).append({"epoch": epoch, **spikes})
    return {path: labelled(path, _stacked(tables)) for path, tables in kept.items()}


def _cells(place, records) -> dict[str, xr.Dataset]:
    """The rate of every neuron of populations that stand side by side; NaN once it is dead."""
    groups, lived = {}, [r for r in records if "cells" in r]
    for population in lived[0]["cells"] if lived else ():
        ids = np.unique(np.concatenate([r["cells"][population]["cell"] for r in lived]))
        rate = np.full((len(lived), len(ids)), np.nan)
        for row, record in zip(rate, lived, strict=True):
            row[np.searchsorted(ids, record["cells"][population]["cell"])] = record["cells"][population]["rate"]
        path = f"{place}/cells_{population}"
        groups[path] = labelled(path, {"epoch": [r["epoch"] for r in lived], "cell": ids, "rate": rate})
    return groups


def _probes(place, records) -> dict[str, xr.Dataset]:
    """The probes, with the lasting ids of the neurons whose spikes were counted: those alive after the epoch."""
    groups, living = {}, dict(records[0]["neurons"])
    for record in records:
        living = {n: ids[~np.isin(ids, record["neuron_deaths"][n])] for n, ids in living.items()}
        for name, shown in record.get("probes", {}).items():
            columns = {k.replace("count.", "count_"): np.asarray(v, np.int32) for k, v in shown.items()}
            counted = [k.removeprefix("count.") for k in shown if k.startswith("count.")]
            columns |= {f"neuron_{population}": living[population] for population in counted}
            path = f"{place}/probes/{record['epoch']}/{name}"
            groups[path] = labelled(path, columns)
    return groups
