"""Say what is wrong with a run: attributes, groups and variables against SCHEMA, lifetimes against the summary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np
import xarray as xr

from dpap_bio.results_schema import ATTRIBUTES, FORMAT, NEEDED, column_of, group_of

_ALWAYS = ("files", "parameters", "arms")


def validate(run: xr.DataTree) -> list[str]:
    """What is wrong with a run, a sentence for each violation; an empty list if nothing is."""
    if run.attrs.get("schema") != FORMAT:
        found = run.attrs.get("schema")
        return [f"the file's schema is {found!r}, {FORMAT!r} is wanted: it is no run, or one of another version"]
    return [*_wrong_attributes(run), *_wrong_groups(run), *_wrong_lives(run)]


def _wrong_attributes(run) -> Iterator[str]:
    for name in ATTRIBUTES:
        if not isinstance(run.attrs.get(name), str):
            yield f"attribute {name!r} of the file is missing or not text"
        elif name in ("seeds", "epochs", "overrides", "versions"):
            try:
                json.loads(run.attrs[name])
            except ValueError:
                yield f"attribute {name!r} of the file is not JSON"
    if run.attrs.get("kind") not in NEEDED:
        yield f"the file's kind is {run.attrs.get('kind')!r}, one of {', '.join(NEEDED)} is wanted"


def _wrong_groups(run) -> Iterator[str]:
    of_run, of_each = NEEDED.get(run.attrs.get("kind"), ((), ()))
    for path in (*_ALWAYS, *of_run):
        if path not in run.children:
            yield f"group /{path} is missing"
    for node in run.subtree:
        path = node.path.strip("/")
        if node.parent is not None and node.parent.parent is run:  # one arm and seed
            yield from (f"group /{path}/{name} is missing" for name in of_each if name not in node.children)
        if not node.has_data:
            continue
        try:
            known = group_of(path)
        except KeyError:
            yield f"group /{path} is not known"
            continue
        yield from (f"/{path}: variable {n!r} is missing" for n in known if "*" not in n and n not in node.variables)
        for name, variable in node.variables.items():
            yield from (f"/{path}: {said}" for said in _wrong_variable(name, variable, known))


def _wrong_variable(name, variable, known) -> Iterator[str]:
    try:
        column = column_of(known, name)
    except KeyError:
        yield f"variable {name!r} is not known"
        return
    if column.dims != ("...",) and variable.dims != column.dims:
        yield f"{name} has dimensions {variable.dims}, {column.dims} are wanted"
    kind = {"O": "U", "u": "i"}.get(variable.dtype.kind, variable.dtype.kind)
    if column.kind not in ("*", kind):
        wanted = {"f": "floats", "i": "whole numbers", "U": "text"}[column.kind]
        yield f"{name} holds {variable.dtype}, {wanted} are wanted"
    units = variable.attrs.get("units")
    if not units or (column.units != "*" and units != column.units):
        yield f"{name} has units {units!r}, {column.units!r} is wanted"
    if not variable.attrs.get("long_name"):
        yield f"{name} has no long_name"


def _wrong_lives(run) -> Iterator[str]:
    """The lifetime tables against the summary: born - died = alive at every age, ids used once."""
    for node in run.subtree:
        path = node.path.strip("/")
        if not fnmatchcase(path, "*/seed_*/synapses_*") or node.parent is None or "summary" not in node.parent.children:
            continue
        projection = node.name.removeprefix("synapses_")
        summary = node.parent["summary"].to_dataset()
        lives = node.to_dataset()
        if not {"id", "born", "died"} <= set(lives) or "synapses" not in summary:
            continue  # said already
        if projection not in summary.projection.values:
            yield f"/{path}: the summary has no projection {projection!r}"
            continue
        if len(np.unique(lives.id)) != lives.id.size:
            yield f"/{path}: an id is used twice"
        if (lives.died.values < lives.born.values).any():
            yield f"/{path}: a synapse died before it was born"
        age, told = summary.age.values, summary.synapses.sel(projection=projection).values
        born, died = np.sort(lives.born.values), np.sort(lives.died.values)  # NaN come last
        alive = np.searchsorted(born, age, side="right") - np.searchsorted(died, age, side="right")
        for k in np.flatnonzero(alive != told)[:1]:
            yield f"/{path}: {alive[k]} synapses are alive at age {age[k]:g} day, the summary says {told[k]}"
