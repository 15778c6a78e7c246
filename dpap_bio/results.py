"""A run: everything that a protocol's developments were, as one labelled tree that fits one file.

The same records always make the same tree, bit for bit: no clock, no host name, no path is in it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import tomllib
from collections.abc import Mapping, Sequence
from importlib import metadata

import numpy as np
import xarray as xr

from dpap_bio import results_read as read
from dpap_bio import schema
from dpap_bio.results_file import digest, load, save
from dpap_bio.results_parameters import column_units, in_force
from dpap_bio.results_schema import ATTRIBUTES, FORMAT, SCHEMA, labelled, schema_text
from dpap_bio.results_validate import validate

__all__ = ["ATTRIBUTES", "SCHEMA", "assemble", "digest", "load", "protocol_file", "read", "save", "schema_text",
           "validate", "with_verdicts"]

_PACKAGES = ("dpap-bio", "brian2", "numpy", "scipy", "xarray", "scikit-learn")


def assemble(protocol, records: Mapping[tuple[str, int], Sequence[Mapping]], *, backend: str = "runtime",
             target: str = "", stopped: Mapping[tuple[str, int], str] | None = None) -> xr.DataTree:
    """Make the tree of a run from what `develop` recorded, and judge it by the protocol's criteria.

    Arguments
        protocol  the Protocol that was run
        records   (arm, seed) -> records of its epochs in order, birth first; unfinished developments are allowed
        backend   name of the backend, `target` how it generated code
        stopped   (arm, seed) -> the sentence of `Unhealthy`, for developments that it ended
    Returns
        DataTree  the groups of SCHEMA
    Raises
        ValueError   a development has no record of its birth, an epoch is missing, or an arm has a group's name
    """
    from dpap_bio import judge

    taken = [arm for arm, _ in records if arm in read.NOT_ARMS]
    if taken:
        raise ValueError(f"an arm cannot be called {taken[0]!r}: a group of the run file has that name; rename the arm")
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    groups = {"files": _files(protocol), "parameters": labelled("parameters", in_force(protocol, model)),
              "stages": _stages(protocol), "arms": _arms(protocol)}
    for (arm, seed), epochs in records.items():
        groups |= _development(read.place(arm, seed), epochs, column_units(protocol.model(protocol.arm(arm),
                                                                                         protocol.stages[0])))
    run = xr.DataTree.from_dict({f"/{path}": dataset for path, dataset in groups.items()})
    run.attrs = {"schema": FORMAT, "protocol": protocol.name, "title": protocol.title, "size": protocol.size,
                 "model": model.name, "seeds": json.dumps(list(protocol.seeds)), "epochs": json.dumps(protocol.epochs),
                 "backend": backend, "target": target, "overrides": json.dumps(dict(protocol.set), sort_keys=True),
                 "versions": json.dumps(_versions())}
    for (arm, seed), sentence in (stopped or {}).items():
        run[read.place(arm, seed)].attrs["stopped"] = sentence
    return with_verdicts(run, judge.judge(run, protocol))


def with_verdicts(run: xr.DataTree, verdicts) -> xr.DataTree:
    """The run with its group /criteria made anew from `judge.judge`."""
    arms = list(dict.fromkeys(["main", *(v.arm for v in verdicts)]))
    names = list(dict.fromkeys(v.name for v in verdicts))
    seeds = sorted({seed for v in verdicts for seed in v.by_seed})
    shape = len(names), len(arms)
    table = {n: np.full(shape, np.nan) for n in ("value", "sem")} | {"n": np.zeros(shape, np.int64)}
    table |= {n: np.full(shape, "", object) for n in ("verdict", "note")}
    by_seed = np.full((*shape, len(seeds)), np.nan)
    for v in verdicts:
        at = names.index(v.name), arms.index(v.arm)
        for column, values in table.items():
            values[at] = getattr(v, column)
        for seed, value in v.by_seed.items():
            by_seed[(*at, seeds.index(seed))] = value
    first = [next(v for v in verdicts if v.name == name) for name in names]
    table |= {n: [getattr(v, n) for v in first] for n in ("measure", "title", "unit", "low", "high", "source", "chosen",
                                                         "evidence")}
    table |= {"args": [json.dumps(dict(v.args), sort_keys=True) for v in first], "by_seed": by_seed, "criterion": names,
              "arm": arms, "seed": np.asarray(seeds, np.int64)}
    judged = run.copy()
    judged["criteria"] = xr.DataTree(labelled("criteria", table))
    return judged


def protocol_file(run: xr.DataTree) -> schema.ProtocolFile:
    """The protocol of a run as it was written, read from the text that the run carries."""
    for text in run["files"].text.values:
        content = tomllib.loads(str(text))
        if content.get("schema") == "dpap-protocol/1":
            return schema.ProtocolFile.model_validate(content)
    raise ValueError("the run carries no protocol file")


def _files(protocol) -> xr.Dataset:
    texts = protocol.texts
    names = sorted(texts)
    return labelled("files", {"file": names, "text": [texts[n] for n in names],
                              "sha256": [hashlib.sha256(texts[n].encode("utf-8")).hexdigest() for n in names]})


def _stages(protocol) -> xr.Dataset:
    model = protocol.model(protocol.arms[0], protocol.stages[0])
    rows = [(s.name, s.epochs, s.n_steps * model.dt, s.days, "; ".join(map(str, s.shown)),
             json.dumps(dict(s.set), sort_keys=True)) for s in protocol.stages]
    return labelled("stages", dict(zip(SCHEMA["stages"], map(list, zip(*rows, strict=True)), strict=True)))


def _arms(protocol) -> xr.Dataset:
    changes = [{"replace": dict(a.replace), "set": dict(a.set)} | ({"density_of": a.density_of} if a.density_of else {})
               for a in protocol.arms]
    return labelled("arms", {"arm": [a.name for a in protocol.arms], "title": [a.title for a in protocol.arms],
                             "changes": [json.dumps(c, sort_keys=True) for c in changes]})


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


# -- one development -----------------------------------------------------------------------------------------------


def _development(place: str, records: Sequence[Mapping], units) -> dict[str, xr.Dataset]:
    if not records or records[0]["epoch"] != -1:
        raise ValueError(f"{place}: the first record must be that of birth, epoch -1")
    if [r["epoch"] for r in records] != list(range(-1, len(records) - 1)):
        raise ValueError(f"{place}: the records of some epochs are missing")
    groups = {f"{place}/summary": _summary(place, records), f"{place}/neurons": _neurons(place, records)}
    for projection in records[0]["births"]:
        path = f"{place}/synapses_{projection}"
        groups[path] = labelled(path, _lives(records, projection))
    return groups | _snapshots(place, records, units) | _spikes(place, records) | _probes(place, records)


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
